import { freePort } from "../../test/support/ports.ts";
import type { Environment } from "../environment.ts";
import { start, stop } from "../processes.ts";
import { deploy } from "../subjects/kvasir.ts";

const deadlineMs = 30_000;

/** From the start of `kvasir serve` on a SQLite file that is there to its first answer, in ms, `times` times. */
export async function measureStart(environment: Environment, times: number): Promise<number[]> {
  const { folder, args } = await deploy(environment, { mariadb: 0 });
  const all: number[] = [];
  // The first one creates the file, and compiles what later ones find in Node's cache.
  for (let index = 0; index <= times; index++) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/healthz`;
    const started = performance.now();
    const child = start(process.execPath, [...args, "--port", String(port)], folder);
    child.stdout!.resume();
    while (
      !(await fetch(url).then(
        (response) => response.ok,
        () => false,
      ))
    ) {
      if (performance.now() - started > deadlineMs) throw new Error("kvasir serve did not start");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (index > 0) all.push(performance.now() - started);
    await stop(child);
  }
  return all;
}
