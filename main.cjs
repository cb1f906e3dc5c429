// Entry of a plain `pulumi preview` or `pulumi up`.
"use strict";
const util = require("node:util");

// Node 20.19.6 to 20.20.x: a coloured util.inspect of an error with a frame in a scoped package takes up to a minute
// (nodejs/node#64011), and Pulumi prints errors so. It took its copy of util.inspect before this file was read, so the
// function that calls it is replaced; a Pulumi that prints elsewhere keeps its own way.
try {
  const printing = require("@pulumi/pulumi/cmd/run/error");
  const print = printing.defaultErrorMessage;
  printing.defaultErrorMessage = (error) => (error instanceof Error ? util.inspect(error) : print(error));
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
}

module.exports = require("./bundle.cjs")(__dirname, module);
