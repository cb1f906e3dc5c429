// Entry of the policy pack; translated as the program is.
"use strict";
require("../bundle.cjs")(__dirname, module);
