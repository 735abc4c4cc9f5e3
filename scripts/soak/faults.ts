import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";

/** What each of them takes for its faults by itself, and at most. */
const secondsMin = 60;
const secondsMax = 600;
/** How many of the files go on for as long as they are told. */
const longFiles = 2;

/**
 * Runs the tests of `test/faults/` one after the other, again and again until the time is over, each for longer the more
 * time there is. What they found out is printed, and of one that fails all that it said.
 */
export async function soakFaults(minutes: number, print: (line: string) => void): Promise<string[]> {
  const seconds = Math.round(Math.min(secondsMax, Math.max(secondsMin, (minutes * 60) / (longFiles + 1))));
  const files = globSync("test/faults/*.test.ts").sort();
  const end = Date.now() + minutes * 60_000;
  const problems: string[] = [];
  print(`${files.length} files, ${seconds} s for the faults of each long one`);
  for (let round = 1; round === 1 || Date.now() < end; round++) {
    for (const file of files) {
      const began = Date.now();
      const { code, output } = await run(file, seconds);
      const tookSeconds = Math.round((Date.now() - began) / 1000);
      print(`round ${round}, ${basename(file)}: ${code === 0 ? "passed" : "FAILED"} after ${tookSeconds} s`);
      if (code === 0) for (const line of diagnostics(output)) print(`  ${line}`);
      else problems.push(`round ${round}, ${file}:\n${output}`);
      if (Date.now() >= end && round > 1) break;
    }
  }
  return problems;
}

async function run(file: string, seconds: number): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["scripts/test.ts", file], {
    env: { ...process.env, FAULT_SECONDS: String(seconds) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const output = await text(child.stdout);
  return { code: await ended, output };
}

/** What the tests say themselves, without the counts of the runner. */
function diagnostics(output: string): string[] {
  const lines = output.split("\n").filter((line) => line.startsWith("ℹ"));
  return lines.map((line) => line.slice(2)).filter((line) => !/^[a-z_]+ [0-9.]+$/.test(line));
}
