// Entry of a plain `pulumi preview` or `pulumi up`: TypeScript is translated file by file (and cached), never type-checked here.
"use strict";
const util = require("node:util");

// Node 20.19.6 to 20.20.x: a coloured util.inspect of an error whose stack has a frame in a scoped package takes a minute
// (nodejs/node#64011), and Pulumi prints errors so.
const inspect = util.inspect;
util.inspect = Object.assign(function (value, options, ...rest) {
  const plain = value instanceof Error && options && typeof options === "object";
  return inspect.call(this, value, plain ? { ...options, colors: false } : options, ...rest);
}, inspect);

require("tsx/cjs");
module.exports = require("./index.ts");
