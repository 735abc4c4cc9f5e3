import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { ConfigError } from "../../src/errors.ts";
import { kvasir, spawnKvasir, temporaryFolder } from "../cli/kvasir.ts";
import { exchange, type Serving, serve } from "../http/serving.ts";
import { type Authority, newAuthority, noOpenssl } from "../support/certificates.ts";
import { eventually } from "../support/memory-store.ts";

describe("the server over TLS", { skip: noOpenssl }, () => {
  let authority: Authority;
  let serving: Serving;
  let tls: { certFile: string; keyFile: string };
  before(async () => {
    authority = newAuthority();
    authority.sign("first", "IP:127.0.0.1");
    authority.sign("second", "IP:127.0.0.1");
    tls = { certFile: join(authority.folder, "used.pem"), keyFile: join(authority.folder, "used.key") };
    use("first");
    serving = await serve({ tls, headersTimeoutMs: 1000 });
  });
  after(async () => {
    await serving.close();
    authority.remove();
  });

  function use(name: string, parts: readonly string[] = ["key", "pem"]): void {
    for (const part of parts)
      copyFileSync(join(authority.folder, `${name}.${part}`), join(authority.folder, `used.${part}`));
  }

  async function open(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const ca = readFileSync(authority.caFile);
    const socket = connect({ port: serving.port, host: "127.0.0.1", ca, ...options });
    await once(socket, "secureConnect");
    return socket;
  }

  async function get(socket: TLSSocket, path = "/healthz"): Promise<string> {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    const [chunk] = (await once(socket, "data")) as [Buffer];
    return chunk.toString("latin1");
  }

  async function nameNow(): Promise<string> {
    const socket = await open();
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  it("speaks HTTP/1.1 over TLS 1.3 and 1.2, whatever else is offered", async () => {
    for (const [maxVersion, expected] of [
      [undefined, "TLSv1.3"],
      ["TLSv1.2", "TLSv1.2"],
    ] as const) {
      const socket = await open({ ALPNProtocols: ["h2", "http/1.1"], ...(maxVersion && { maxVersion }) });
      assert.equal(socket.getProtocol(), expected);
      assert.equal(socket.alpnProtocol, "http/1.1");
      assert.match(await get(socket), /^HTTP\/1\.1 200 /);
      socket.destroy();
    }
  });

  it("refuses TLS 1.1 and older", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await assert.rejects(open(old), /protocol version|unsupported protocol/i);
  });

  it("answers plain HTTP with nothing but the end, and survives garbage", async () => {
    for (const sent of [
      "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
      "\x16\x03\x01\x00\x05hello",
      "\0".repeat(100),
    ]) {
      assert.doesNotMatch(await exchange(serving.port, sent), /HTTP\/1/);
    }
    const silent = connectPlain({ port: serving.port, host: "127.0.0.1" });
    silent.on("error", () => {}).resume();
    await once(silent, "close");
    const socket = await open();
    assert.match(await get(socket), / 200 /);
    socket.destroy();
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 40),
      [],
    );
  });

  it("takes a new certificate for new connections, and drops none that is open", async () => {
    assert.equal(await nameNow(), "first");
    const kept = await open();
    await get(kept);
    use("second");
    await eventually(async () => (await nameNow()) === "second");
    assert.match(await get(kept), / 200 /);
    assert.equal(kept.getPeerCertificate().subject.CN, "first");
    kept.destroy();
  });

  it("goes on with the certificate before while key and certificate do not fit, or are none", async () => {
    const { length } = serving.log;
    const warnings = () => serving.log.slice(length).filter(({ msg }) => /before stays/.test(msg));
    use("first", ["key"]);
    await eventually(() => warnings().length === 1);
    assert.equal(await nameNow(), "second");
    writeFileSync(tls.keyFile, "no key");
    await eventually(() => warnings().length === 2);
    assert.equal(await nameNow(), "second");
    assert.ok(!JSON.stringify(serving.log).includes("no key"));
    use("first");
    await eventually(async () => (await nameNow()) === "first");
  });

  it("does not start with files that do not fit", async () => {
    const certFile = join(authority.folder, "second.pem");
    await assert.rejects(serve({ tls: { ...tls, certFile } }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(
        error.message,
        /^server\.tls_cert and server\.tls_key: OpenSSL says \w+; give a certificate and its key$/,
      );
      return true;
    });
  });
});

describe("kvasir over TLS", { skip: noOpenssl }, () => {
  const folder = temporaryFolder();
  after(() => folder.remove());

  it("serves and asks over https when the configuration has a certificate", async () => {
    const cwd = folder.path;
    const authority = newAuthority();
    const { certFile, keyFile } = authority.sign("server", "IP:127.0.0.1");
    copyFileSync(certFile, join(cwd, "cert.pem"));
    copyFileSync(keyFile, join(cwd, "key.pem"));
    writeFileSync(join(cwd, "kvasir.toml"), '[server]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n');
    const child = spawnKvasir(["serve", "--port", "0"], { cwd });
    let output = "";
    for await (const chunk of child.stdout!.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      output += chunk;
      if (output.includes("Try:")) break;
    }
    const url = /https:\/\/127\.0\.0\.1:[0-9]+/.exec(output)![0];
    const env = { NODE_EXTRA_CA_CERTS: authority.caFile };
    const port = { KVASIR_SERVER_PORT: new URL(url).port };
    assert.equal((await kvasir(["put", "a", "value"], { cwd, env: { ...env, ...port } })).code, 0);
    assert.equal((await kvasir(["get", "a", "--url", url], { cwd, env })).stdout, "value");
    const { code, stderr } = await kvasir(["get", "a", "--url", url], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /does not answer \(\w*(?:CERT|SIGNATURE|ISSUER)\w*\); .*NODE_EXTRA_CA_CERTS/);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual((await ended)[0], 0);
    authority.remove();
  });

  it("refuses half of the settings, and files that it cannot read", async () => {
    const cwd = folder.path;
    const serveWith = (...args: string[]) => kvasir(["serve", "--config", "/dev/null", ...args], { cwd });
    const half = await serveWith("--server-tls-cert", "cert.pem");
    assert.equal(half.code, 2);
    assert.match(half.stderr, /^kvasir: --server-tls-cert also needs server\.tls_key\n$/);
    const none = await serveWith("--server-tls-cert", "none.pem", "--server-tls-key", "key.pem");
    assert.equal(none.code, 2);
    assert.match(none.stderr, /^kvasir: --server-tls-cert: .*none\.pem cannot be read \(ENOENT\)\n$/);
  });
});
