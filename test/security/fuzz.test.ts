import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Serving, serve } from "../http/serving.ts";
import { fuzz, fuzzedOrigin } from "./fuzzing.ts";

const requestsMax = 20_000;
/** Of wall time, after which the rest is left out: the machine may be slow, and no time is asserted. */
const timeMaxMs = 30_000;
const seed = Number(process.env.SEED ?? 20_260_101);

describe("a server that is sent anything at all", () => {
  let serving: Serving;
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  before(async () => {
    process.on("uncaughtExceptionMonitor", onFault).on("unhandledRejection", onFault);
    serving = await serve({ headersTimeoutMs: 500, requestTimeoutMs: 1000, corsOrigins: [fuzzedOrigin] });
  });
  after(async () => {
    process.off("uncaughtExceptionMonitor", onFault).off("unhandledRejection", onFault);
    await serving.close();
  });

  it("answers none of it with a fault of its own, and goes on", async (context) => {
    const {
      sent,
      statuses,
      faults: answers,
    } = await fuzz(serving.port, seed, requestsMax, performance.now() + timeMaxMs);
    context.diagnostic(`seed ${seed}: ${sent} requests, ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`);
    assert.deepEqual(answers, []);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 50),
      [],
    );
    for (const expected of ["200", "201", "204", "400", "404"])
      assert.ok(statuses.has(expected), `no ${expected} among the answers`);
    assert.equal((await serving.request("/healthz")).status, 200);
    const metrics = async () => (await serving.request("/metrics")).text();
    while (!/^kvasir_http_requests_in_flight 1$/m.test(await metrics()));
  });
});
