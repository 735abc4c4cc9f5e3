#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Before anything else is loaded, which is why the rest is imported below and not above.
const { directory } = enableCompileCache();
// Threads look there.
if (directory !== undefined) process.env.NODE_COMPILE_CACHE = directory;
const { run } = await import("./program.ts");
process.exitCode = await run(process.argv.slice(2));
