// Entry of a plain `pulumi preview` or `pulumi up`. TypeScript is translated in one stroke and never type-checked here
// (`tsc` does that once, separately): measured per preview, that costs half as much as translating file by file, and a
// sixth of what checking costs.
"use strict";
const Module = require("node:module");
const path = require("node:path");
const util = require("node:util");
const { buildSync } = require("esbuild");

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

const [program] = buildSync({
  absWorkingDir: __dirname,
  entryPoints: ["index.ts"],
  bundle: true,
  // Packages stay where they are, and what is required late is still loaded late.
  packages: "external",
  platform: "node",
  target: "node20",
  write: false,
  logLevel: "error",
}).outputFiles;

const loaded = new Module(path.join(__dirname, "program.cjs"), module);
loaded.filename = loaded.id;
loaded.paths = module.paths;
loaded._compile(program.text, loaded.filename);
module.exports = loaded.exports;
