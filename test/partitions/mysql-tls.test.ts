import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { PartitionError } from "../../src/partition.ts";
import { MysqlDatabase } from "../../src/partitions/sql/mysql-database.ts";
import { type Authority, newAuthority, noOpenssl } from "../support/certificates.ts";
import { type MariadbServer, startMariadb } from "../support/mariadb.ts";

describe("MySQL database over TLS", { skip: noOpenssl }, () => {
  let server: MariadbServer;
  let authority: Authority;

  before(async () => {
    authority = newAuthority();
    const { certFile, keyFile } = authority.sign("server", "IP:127.0.0.1");
    const args = [`--ssl-ca=${authority.caFile}`, `--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`];
    server = await startMariadb({ args: [...args, "--require-secure-transport=ON"] });
    await server.createDatabase("test_tls");
  });

  after(async () => {
    await server.stop();
    authority.remove();
  });

  async function open(
    host: string,
    tls?: { ca?: string; cert?: string; key?: string; verify: boolean },
    { user, password } = server,
  ): Promise<string> {
    const database = new MysqlDatabase({
      name: "east",
      hosts: [{ host, port: server.port }],
      database: "test_tls",
      user,
      password,
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

  const ca = () => readFileSync(authority.caFile, "utf8");

  it("verifies the server's certificate for an IP address", async () => {
    assert.match(await open("127.0.0.1", { ca: ca(), verify: true }), /^TLS/);
  });

  it("refuses a certificate that is made out for another host", async () => {
    const opening = open("localhost", { ca: ca(), verify: true });
    await assert.rejects(opening, isRefused);
  });

  it("refuses a certificate of an authority that it does not know", async () => {
    await assert.rejects(open("127.0.0.1", { verify: true }), isRefused);
  });

  it("takes any certificate when told not to verify", async () => {
    assert.match(await open("localhost", { verify: false }), /^TLS/);
  });

  it("shows its own certificate to a server that asks for one", async () => {
    const account = { ...server, user: "certified", password: "secret" };
    await server.administer(
      "CREATE USER 'certified'@'%' IDENTIFIED BY 'secret' REQUIRE X509; GRANT ALL ON test_tls.* TO 'certified'@'%'",
    );
    const { certFile, keyFile } = authority.sign("client", "DNS:client");
    const [cert, key] = [readFileSync(certFile, "utf8"), readFileSync(keyFile, "utf8")];
    assert.match(await open("127.0.0.1", { ca: ca(), cert, key, verify: true }, account), /^TLS/);
    await assert.rejects(open("127.0.0.1", { ca: ca(), verify: true }, account), PartitionError);
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
