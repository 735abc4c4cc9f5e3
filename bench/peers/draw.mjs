import { text } from "node:stream/consumers";
import { parse, View } from "vega";
import { compile } from "vega-lite";

/** Draws a Vega-Lite specification from stdin as SVG on stdout. */
const { spec } = compile(JSON.parse(await text(process.stdin)));
process.stdout.write(`${await new View(parse(spec), { renderer: "none" }).toSVG()}\n`);
