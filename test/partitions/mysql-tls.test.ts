import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { PartitionError } from "../../src/partition.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe("MySQL database over TLS", { skip: !hasOpenssl && "needs the program openssl to make certificates" }, () => {
  let server: MariadbServer;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "kvasir-tls-"));
    makeCertificates(folder);
    const file = (name: string) => join(folder, name);
    const args = [`--ssl-ca=${file("ca.pem")}`, `--ssl-cert=${file("cert.pem")}`, `--ssl-key=${file("key.pem")}`];
    server = await startMariadb({ args: [...args, "--require-secure-transport=ON"] });
    await server.createDatabase("test_tls");
  });

  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  async function open(host: string, tls?: { ca?: string; verify: boolean }): Promise<string> {
    const database = new MysqlDatabase({
      name: "east",
      hosts: [{ host, port: server.port }],
      database: "test_tls",
      user: server.user,
      password: server.password,
      ...(tls && { tls }),
      connectTimeoutMs: 5000,
      queryTimeoutMs: 5000,
      readConnections: 1,
      writeConnections: 1,
      strictDurability: true,
    });
    try {
      await database.open();
      const sql = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_version'";
      const [row] = await database.read((session) => session.execute(sql, []));
      return Buffer.from(row![0] as Uint8Array).toString();
    } finally {
      await database.close();
    }
  }

  it("verifies the server's certificate for an IP address", async () => {
    assert.match(await open("127.0.0.1", { ca: readFileSync(join(folder, "ca.pem"), "utf8"), verify: true }), /^TLS/);
  });

  it("refuses a certificate that is made out for another host", async () => {
    const opening = open("localhost", { ca: readFileSync(join(folder, "ca.pem"), "utf8"), verify: true });
    await assert.rejects(opening, isRefused);
  });

  it("refuses a certificate of an authority that it does not know", async () => {
    await assert.rejects(open("127.0.0.1", { verify: true }), isRefused);
  });

  it("takes any certificate when told not to verify", async () => {
    assert.match(await open("localhost", { verify: false }), /^TLS/);
  });

  it("does not speak without TLS to a server that requires it", async () => {
    await assert.rejects(open("127.0.0.1"), PartitionError);
  });
});

function isRefused(error: unknown): boolean {
  assert.ok(error instanceof PartitionError);
  assert.equal(error.kind, "refused");
  assert.match(error.message, /certificate/);
  return true;
}

/** An authority, and a certificate of it for 127.0.0.1 alone. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(...request, "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem");
  openssl(...request, "-subj", "/CN=test server", "-keyout", "key.pem", "-out", "cert.csr");
  writeFileSync(join(folder, "names"), "subjectAltName=IP:127.0.0.1\n");
  const sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
  openssl(...sign, "-extfile", "names", "-in", "cert.csr", "-out", "cert.pem");
  // The server reads them as its own user.
  chmodSync(folder, 0o755);
  for (const name of ["ca.pem", "cert.pem", "key.pem"]) chmodSync(join(folder, name), 0o644);
}
