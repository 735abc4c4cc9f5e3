import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { requireProgram } from "../support/programs.ts";
import { type Attack, askAsOther, attack, attacks, describeSeen } from "./slow-attack.ts";

const seconds = 3;
const found = requireProgram("slowhttptest", "slowhttptest");
const skip = "missing" in found && found.missing;

describe("a client during an attack of slowhttptest with 1000 connections", { skip }, () => {
  const folder = temporaryFolder();
  let server: Server;
  before(async () => {
    server = await startServer(folder.path);
    for (const [key, length] of [
      ["small", 100],
      ["large", 256 * 2 ** 10],
    ] as const) {
      const { status } = await fetch(`${server.url}/kv/${key}`, { method: "PUT", body: "x".repeat(length) });
      assert.equal(status, 201);
    }
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
    await folder.remove();
  });

  for (const kind of Object.keys(attacks) as Attack[]) {
    it(`gets every answer: ${kind}`, async (context) => {
      const before = describeSeen(await askAsOther(`${server.url}/kv/small`, AbortSignal.timeout(500)));
      const done = new AbortController();
      const asking = askAsOther(`${server.url}/kv/small`, done.signal);
      await attack(["path" in found ? found.path : ""], kind, `${server.url}/kv/large`, seconds);
      done.abort();
      const seen = await asking;
      context.diagnostic(`${kind}: before ${before}, during ${describeSeen(seen)}`);
      assert.deepEqual([...seen.answers.keys()], [200]);
    });
  }
});
