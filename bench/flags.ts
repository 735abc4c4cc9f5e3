import { parseArgs } from "node:util";
import { type Case, cases } from "./cases.ts";

export const help = `npm run bench -- [options]

  --rounds N       rounds of each case (default: 3)
  --seconds N      seconds of each round (default: 4)
  --only PATTERN   only cases and sections with this in their name, upper or lower case (a regular expression)
  --quick          one round of one second, and a tenth of the records where there are a million to compare
  --soak           also 10 million keys
  --list           the names of cases and sections
  --report         write report and chart anew from the results that are there

A whole run writes bench/RESULTS.md, results.json and results.svg; with --quick or --only they go into bench/.work.
`;

/** What is measured beside the cases. */
export const sections = ["start", "memory", "large value", "frozen server", "YCSB", "synchronisation"] as const;
export type Section = (typeof sections)[number];

export interface Flags {
  readonly task: "measure" | "report" | "list" | "help";
  readonly rounds: number;
  readonly seconds: number;
  readonly isQuick: boolean;
  /** Whether it covers everything, and so becomes the project's results. */
  readonly isWhole: boolean;
  readonly cases: readonly Case[];
  readonly sections: readonly Section[];
}

/** @throws Error that names the flag. */
export function readFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "4" },
      only: { type: "string", default: "" },
      quick: { type: "boolean", default: false },
      soak: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const { only, quick, soak } = values;
  const pattern = readPattern(only);
  const chosen = cases.filter(({ name, isSoak }) => pattern.test(name) && (soak || !isSoak));
  const chosenSections = sections.filter((name) => pattern.test(name));
  if (chosen.length + chosenSections.length === 0) {
    throw new Error(`--only ${only}: no case or section has that in its name; --list shows them`);
  }
  return {
    task: values.help ? "help" : values.list ? "list" : values.report ? "report" : "measure",
    rounds: quick ? 1 : readCount("rounds", values.rounds),
    seconds: quick ? 1 : readCount("seconds", values.seconds),
    isQuick: quick,
    isWhole: !quick && only === "",
    cases: chosen,
    sections: chosenSections,
  };
}

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text, "i");
  } catch (error) {
    throw new Error(`--only: ${(error as Error).message}`);
  }
}

function readCount(name: string, text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number from 1 to 9999, got ${JSON.stringify(text)}`);
}
