import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, openSocket, put, type Serving, serve } from "../http/serving.ts";

const host = "Host: localhost\r\n";
/** What an attacker wants to be taken for a request of its own. */
const smuggled = `DELETE /kv/victim HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
/** What honestly follows on the connection. */
const next = `GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;

const putWith = (fields: string, body: string) => `PUT /kv/never HTTP/1.1\r\n${host}${fields}\r\n${body}`;
const chunked = (body: string) => putWith("Transfer-Encoding: chunked\r\n", body);
const getWith = (fields: string) => `GET /kv/victim HTTP/1.1\r\n${fields}\r\n`;

/** By what RFC 9112 says of it. All are refused with the connection, so that nothing behind them is read. */
const refused: { readonly [section: string]: { readonly [name: string]: string } } = {
  "2.2 (message parsing)": {
    "a bare LF behind the request line": `GET /kv/victim HTTP/1.1\n${host}\r\n`,
    "a bare LF behind a field": getWith("Host: localhost\nX: a\r\n"),
    "a bare LF at the end of the head": `GET /kv/victim HTTP/1.1\r\n${host}\n`,
    "a bare CR in a field": getWith(`${host}X: a\rContent-Length: 1\r\n`),
    "a NUL in a field": getWith(`${host}X: a\0b\r\n`),
    "a space before the first field": getWith(` ${host}`),
    "a space before the method": ` ${getWith(host)}`,
  },
  "3 (request line)": {
    "tabs for spaces": `GET\t/kv/victim\tHTTP/1.1\r\n${host}\r\n`,
    "a space in the target": `GET /kv/a b HTTP/1.1\r\n${host}\r\n`,
    "another minor version": `GET /kv/victim HTTP/1.2\r\n${host}\r\n`,
    "the start of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version in lower case": `GET /kv/victim http/1.1\r\n${host}\r\n`,
    "a method in lower case": `get /kv/victim HTTP/1.1\r\n${host}\r\n`,
  },
  "3.2 (target and Host)": {
    "Host twice, equal": getWith(host + host),
    "Host twice, other": getWith(`${host}hOST: evil.example\r\n`),
    "no Host": getWith(""),
    "a space before Host's colon": getWith("Host : localhost\r\n"),
    "a user in an absolute target": `GET http://localhost@evil.example/kv/a HTTP/1.1\r\n${host}\r\n`,
    "a list of hosts": getWith("Host: localhost, evil.example\r\n"),
  },
  "5 (field syntax)": {
    "a space before the colon": putWith("Content-Length : 1\r\n", "x"),
    "a space in a name": getWith(`${host}A B: c\r\n`),
    "no name": getWith(`${host}: c\r\n`),
    "no colon": getWith(`${host}Content-Length\r\n`),
    "a folded field": getWith(`${host}X: a\r\n b\r\n`),
    "a folded Transfer-Encoding": putWith("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
    "Transfer-Encoding folded onto Host": putWith(" Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  },
  "6.1 (Transfer-Encoding)": {
    "with a length before it": putWith("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    "with a length behind it": putWith("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "0\r\n\r\n"),
    "an unknown coding": putWith("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
    identity: putWith("Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
    "chunked not last": putWith("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
    "another coding first": putWith("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
    "an empty member": putWith("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n"),
    "chunked twice": putWith("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    "two fields": putWith("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
    "in quotes": putWith('Transfer-Encoding: "chunked"\r\n', "0\r\n\r\n"),
    "behind a vertical tab": putWith("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
    "before a NUL": putWith("Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n"),
    "in HTTP/1.0": chunked("0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
  },
  "6.2 and 6.3 (Content-Length)": {
    "twice, other": putWith("Content-Length: 1\r\nContent-Length: 2\r\n", "x"),
    "twice, equal": putWith("Content-Length: 1\r\nContent-Length: 1\r\n", "x"),
    "a list": putWith("Content-Length: 1, 1\r\n", "x"),
    "a plus": putWith("Content-Length: +1\r\n", "x"),
    "a minus": putWith("Content-Length: -1\r\n", "x"),
    hexadecimal: putWith("Content-Length: 0x1\r\n", "x"),
    "a space inside": putWith("Content-Length: 1 1\r\n", "x"),
    empty: putWith("Content-Length:\r\n", "x"),
    "beyond 64 bits": putWith("Content-Length: 18446744073709551617\r\n", "x"),
  },
  "7.1 (chunks)": {
    "a bare LF behind a size": chunked("1\nx\r\n0\r\n\r\n"),
    "a size in 0x": chunked("0x1\r\nx\r\n0\r\n\r\n"),
    "a size with a sign": chunked("-1\r\nx\r\n0\r\n\r\n"),
    "a space before a size": chunked(" 1\r\nx\r\n0\r\n\r\n"),
    "a space behind a size": chunked("1 \r\nx\r\n0\r\n\r\n"),
    "a size beyond 64 bits": chunked("10000000000000001\r\nx\r\n0\r\n\r\n"),
    "more data than the size says": chunked("1\r\nxyz\r\n0\r\n\r\n"),
    "no end of the data": chunked("1\r\nx0\r\n\r\n"),
    "a bare LF in an extension": chunked("1;a\nx\r\n0\r\n\r\n"),
    "a bare CR in an extension": chunked("1;a\rb\r\nx\r\n0\r\n\r\n"),
    "an extension of 20 KB": chunked(`1;${"a".repeat(20_000)}\r\nx\r\n0\r\n\r\n`),
    "a length among the trailers": chunked("1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n"),
    "a malformed trailer": chunked("1\r\nx\r\n0\r\nA B: c\r\n\r\n"),
  },
};

/** What is a little odd and has one meaning: each is answered, and what follows is a request of its own. */
const framed: { readonly [name: string]: [sent: string, status: number, stored?: string] } = {
  "an extension of a chunk": [chunked('1;a=b;c="d"\r\nx\r\n0\r\n\r\n'), 201, "x"],
  "Transfer-Encoding in capitals": [putWith("transfer-ENCODING:\tCHUNKED \r\n", "1\r\nx\r\n0\r\n\r\n"), 201, "x"],
  "trailers, which count for nothing": [
    chunked('1\r\nx\r\n0\r\nHost: evil\r\nIf-Match: "y"\r\nAuthorization: Bearer z\r\n\r\n'),
    201,
    "x",
  ],
  "a length that Connection names": [putWith("Connection: Content-Length\r\nContent-Length: 1\r\n", "x"), 201, "x"],
  "a body that looks like a request": [putWith(`Content-Length: ${smuggled.length}\r\n`, smuggled), 201, smuggled],
  "a GET with a body": [`${getWith(`${host}Content-Length: ${smuggled.length}\r\n`)}${smuggled}`, 200],
  "a refused body that looks like a request": [
    putWith(`If-Match: "no"\r\nContent-Length: ${smuggled.length}\r\n`, smuggled),
    412,
  ],
  "line ends percent-encoded in a key": [`GET /kv/a%0d%0aX:%20y HTTP/1.1\r\n${host}\r\n`, 404],
  "empty lines before the request": [`\r\n\r\n${getWith(host)}`, 200],
};

describe("a request that a proxy may read in another way (RFC 9112)", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ headersTimeoutMs: 1000, requestTimeoutMs: 2000 });
    await put(serving, "victim", "safe");
  });
  after(() => serving.close());

  const statuses = (answer: string) =>
    [...answer.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map(([, status]) => Number(status));

  for (const [section, requests] of Object.entries(refused)) {
    describe(section, () => {
      for (const [name, sent] of Object.entries(requests)) {
        it(`${name}: is refused, and nothing behind it is read`, async () => {
          const answer = await exchange(serving.port, sent + smuggled);
          assert.deepEqual(statuses(answer), [400], answer);
          assert.match(answer, /\r\nConnection: close\r\n/i);
          assert.ok(await serving.store.get("victim"), "the smuggled request was run");
          assert.equal(await serving.store.get("never"), undefined);
        });
      }
    });
  }

  for (const [name, [sent, status, stored]] of Object.entries(framed)) {
    it(`${name}: has one meaning, and what follows is the next request`, async () => {
      const answer = await exchange(serving.port, sent + next);
      assert.deepEqual(statuses(answer), [status, 200], answer);
      assert.ok(answer.endsWith("healthy\n"));
      assert.ok(await serving.store.get("victim"), "the smuggled request was run");
      const found = await serving.store.get("never");
      assert.equal(found && Buffer.from(found.value).toString(), stored);
      await serving.store.delete("never");
    });
  }

  it("does not change with where the bytes are cut", async () => {
    for (const [sent, expected] of [
      [framed["an extension of a chunk"]![0] + next, [201, 200]],
      [refused["6.1 (Transfer-Encoding)"]!["with a length behind it"]! + smuggled, [400]],
    ] as const) {
      for (let cut = 1; cut < sent.length; cut += 7) {
        const answer = await cutExchange(serving.port, sent, cut);
        assert.equal(statuses(answer)[0], expected[0], `cut at ${cut}`);
        assert.equal(statuses(answer).length, expected.length, `cut at ${cut}`);
        await serving.store.delete("never");
      }
    }
    assert.ok(await serving.store.get("victim"));
  });
});

async function cutExchange(port: number, sent: string, cut: number): Promise<string> {
  const socket = await openSocket(port);
  socket.setNoDelay(true);
  const chunks: Buffer[] = [];
  const closed = new Promise((resolve) =>
    socket.on("data", (chunk: Buffer) => chunks.push(chunk)).once("close", resolve),
  );
  socket.write(sent.slice(0, cut));
  await new Promise((resolve) => setTimeout(resolve, 2));
  socket.write(sent.slice(cut));
  await closed;
  return Buffer.concat(chunks).toString("latin1");
}
