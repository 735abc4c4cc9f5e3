import { execFileSync } from "node:child_process";
import { names } from "./cases.ts";
import { type Results, summarise } from "./results.ts";

/** Seen in the light and in the dark. */
const text = "#808080";
const style = "svg{--ink:#24292f}@media(prefers-color-scheme:dark){svg{--ink:#e6edf3}}";

interface Bar {
  readonly what: string;
  readonly contender: string;
  readonly rate: number;
  readonly kind: string;
}

/**
 * The requests a second of all contenders, GET beside PUT, as SVG; `undefined` when neither was measured. `program`
 * gives the path of what draws it.
 */
export function drawChart(results: Results, program: () => string): string | undefined {
  const bars: Bar[] = results.measurements
    .filter((each) => each.case === names.get || each.case === names.put)
    .map(({ case: name, contender, isDurable, rounds }) => ({
      what: name === names.get ? "GET" : "PUT",
      contender,
      rate: Math.round(summarise(rounds).requestsPerSecond),
      kind: contender.startsWith("Kvasir") ? "Kvasir, durable" : isDurable ? "durable writes" : "not durable",
    }));
  if (bars.length === 0) return undefined;
  const svg = execFileSync(process.execPath, [program()], {
    input: JSON.stringify(specification(bars)),
    encoding: "utf8",
  });
  // A page that shows it as an image still tells it which colours the reader prefers.
  return svg.replace(/(<svg[^>]*>)/, `$1<style>${style}</style>`).replaceAll(`"${text}"`, '"var(--ink)"');
}

function specification(bars: readonly Bar[]): object {
  const labels = { labelColor: text, titleColor: text, labelFontSize: 12, titleFontSize: 12 };
  const y = { field: "contender", type: "nominal", sort: null, title: null, axis: { labelLimit: 0 } };
  const x = { field: "rate", type: "quantitative", title: "requests a second" };
  const kinds = {
    domain: ["Kvasir, durable", "durable writes", "not durable"],
    range: ["#2f81f7", "#9a6700", "#8c959f"],
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    data: { values: bars },
    facet: { column: { field: "what", type: "nominal", title: null } },
    spec: {
      width: 260,
      height: { step: 20 },
      encoding: { x, y },
      layer: [
        {
          mark: { type: "bar", cornerRadiusEnd: 2 },
          encoding: { color: { field: "kind", type: "nominal", title: null, scale: kinds } },
        },
        {
          mark: { type: "text", align: "left", dx: 4, color: text, fontSize: 11 },
          encoding: { text: { field: "rate", type: "quantitative", format: ",d" } },
        },
      ],
    },
    config: {
      background: null,
      view: { stroke: null },
      axis: { ...labels, labelLimit: 0, domain: false, ticks: false, grid: false },
      header: labels,
      legend: { ...labels, orient: "bottom" },
    },
  };
}
