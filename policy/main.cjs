// Entry of the policy pack, translated in one stroke and never type-checked here, as the program is (see ../main.cjs).
"use strict";
const Module = require("node:module");
const path = require("node:path");
const { buildSync } = require("esbuild");

const [pack] = buildSync({
  absWorkingDir: __dirname,
  entryPoints: ["index.ts"],
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  write: false,
  logLevel: "error",
}).outputFiles;

const loaded = new Module(path.join(__dirname, "pack.cjs"), module);
loaded.filename = loaded.id;
loaded.paths = module.paths;
loaded._compile(pack.text, loaded.filename);
