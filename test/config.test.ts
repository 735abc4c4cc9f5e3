import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { environmentName, flagName, partitionSettings, type Setting, settings } from "../src/config/settings.ts";
import { type Config, type ConfigSources, loadConfig, loadServerAddress, type MysqlConfig } from "../src/config.ts";
import { ConfigError } from "../src/errors.ts";

const base = mkdtempSync(join(tmpdir(), "kvasir-config-"));
after(() => rmSync(base, { recursive: true }));

let folders = 0;

/** A folder of its own, with `kvasir.toml` when a text is given. */
function folder(toml?: string): string {
  const path = join(base, String(++folders));
  mkdirSync(path);
  if (toml !== undefined) writeFileSync(join(path, "kvasir.toml"), toml, { mode: 0o600 });
  return path;
}

function load(toml?: string, sources: Partial<ConfigSources> = {}): Config {
  return loadConfig({ env: {}, flags: {}, cwd: folder(toml), ...sources });
}

/** Asserts a refusal in one line, and gives it. */
function mistake(toml?: string, sources: Partial<ConfigSources> = {}): string {
  try {
    load(toml, sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String((error as Error).stack));
    assert.ok(!error.message.includes("\n"), "one line");
    return error.message;
  }
  return assert.fail("it was accepted");
}

const oneMysql = (rest = "") => `[partition-1]\nurl = "mysql://kvasir@db/kvasir"\n${rest}`;
const engine = (config: Config, index = 0) => config.partitions[index]!.engine as MysqlConfig;

describe("the configuration without a file", () => {
  it("is one SQLite partition in ./data, on 127.0.0.1:7070", () => {
    const cwd = folder();
    const config = load(undefined, { cwd });
    assert.equal(config.file, undefined);
    assert.deepEqual(config.partitions, [
      {
        name: "partition-1",
        weight: 1,
        displayUrl: `sqlite:${cwd}/data/partition-1.db`,
        engine: { kind: "sqlite", file: join(cwd, "data/partition-1.db") },
      },
    ]);
    assert.deepEqual([config.server.host, config.server.port], ["127.0.0.1", 7070]);
    assert.deepEqual(
      [config.replicas, config.standIn, config.durability, config.isTest],
      ["all", true, "relaxed", false],
    );
    assert.equal(config.server.valueBytesMax, 8 * 1024 * 1024);
    assert.equal(config.timeouts.catchUpMs, 30_000);
  });

  it("makes as many SQLite partitions as asked for, in the folder asked for", () => {
    const cwd = folder();
    const { partitions } = load(undefined, { cwd, flags: { partitions: "3", data: "elsewhere" } });
    assert.deepEqual(
      partitions.map(({ displayUrl }) => displayUrl),
      [1, 2, 3].map((number) => `sqlite:${cwd}/elsewhere/partition-${number}.db`),
    );
  });

  it("takes partitions from the environment", () => {
    const env = {
      KVASIR_PARTITIONS: "2",
      KVASIR_PARTITION_1_URL: "mysql://u@h/a",
      KVASIR_PARTITION_2_URL: "mysql://u@h/b",
      KVASIR_PARTITION_2_PASSWORD: "secret",
    };
    const config = load(undefined, { env });
    assert.equal(engine(config, 1).password, "secret");
  });
});

describe("the configuration", () => {
  it("prefers flags to environment, environment to file, file to defaults", () => {
    const toml = "[server]\nport = 1\nhost = 'file'\nworkers = 2\n";
    const { server } = load(toml, {
      env: { KVASIR_SERVER_PORT: "2", KVASIR_SERVER_HOST: "environment" },
      flags: { "server.port": "3" },
    });
    assert.deepEqual([server.port, server.host, server.workers, server.batchMax], [3, "environment", 2, 1000]);
  });

  it("takes sections whose numbers have gaps, where partitions have left the store", () => {
    const section = (number: number) => `[partition-${number}]\nurl = "mysql://u@h/db${number}"\n`;
    const { partitions } = load(`partitions = 3\n${[10, 2, 3].map(section).join("")}`);
    assert.deepEqual(
      partitions.map(({ name }) => name),
      ["partition-2", "partition-3", "partition-10"],
    );
  });

  it("cannot be changed", () => {
    const config = load();
    assert.throws(() => Object.assign(config.server, { port: 1 }), TypeError);
    assert.throws(() => Object.assign(config.partitions, { 0: undefined }), TypeError);
  });

  it("reads times and sizes with their units", () => {
    const { server, timeouts } = load(
      `[server]\nvalue_bytes_max = 65536\nbody_budget_bytes = "1GiB"\nstop_timeout = "1.5s"\nhosts = ["a", "b"]\n[timeouts]\nquery = "500ms"\nrequest = "1m"`,
    );
    assert.deepEqual([server.valueBytesMax, server.bodyBudgetBytes, server.stopTimeoutMs], [65536, 1024 ** 3, 1500]);
    assert.deepEqual([timeouts.queryMs, timeouts.requestMs, server.hosts], [500, 60_000, ["a", "b"]]);
    assert.deepEqual(load(undefined, { env: { KVASIR_SERVER_HOSTS: "a, b" } }).server.hosts, ["a", "b"]);
  });

  it("counts an empty environment variable as absent", () => {
    assert.equal(load(undefined, { env: { KVASIR_SERVER_PORT: "" } }).server.port, 7070);
  });

  it("finds the file by --config and KVASIR_CONFIG, and starts relative paths there", () => {
    const there = folder("[partition-1]\nurl = 'sqlite:./kept/one.db'\n");
    const file = join(there, "kvasir.toml");
    for (const sources of [{ file }, { env: { KVASIR_CONFIG: file } }]) {
      const config = load(undefined, sources);
      assert.equal(config.file, file);
      assert.equal(config.partitions[0]!.displayUrl, `sqlite:${there}/kept/one.db`);
    }
  });

  it("gives the server's address even when a partition's password is not there", () => {
    const cwd = folder(`${oneMysql("password_env = 'NOT_SET'\n")}[server]\nport = 99\n`);
    assert.deepEqual(loadServerAddress({ env: {}, flags: {}, cwd }), { host: "127.0.0.1", port: 99, isTls: false });
  });

  it("has a valid default for every setting", () => {
    for (const [name, setting] of Object.entries({ ...settings, ...partitionSettings }) as [string, Setting][]) {
      if (setting.default === undefined) continue;
      assert.notEqual(setting.kind.fromText(setting.default), undefined, name);
    }
  });
});

describe("a partition's URL", () => {
  const url = (text: string) => engine(load(`[partition-1]\nurl = ${JSON.stringify(text)}\n`));

  it("decodes user and password, and takes several hosts", () => {
    const { user, password, hosts, database } = url("mysql://a%40b:p%2Fw%25%3A:x@h1:3307,h2,[::1]:3308/my-db");
    assert.deepEqual([user, password, database], ["a@b", "p/w%::x", "my-db"]);
    assert.deepEqual(hosts, [
      { host: "h1", port: 3307 },
      { host: "h2", port: 3306 },
      { host: "::1", port: 3308 },
    ]);
  });

  it("may say mariadb", () => {
    assert.equal(url("mariadb://u@h/db").kind, "mysql");
  });

  it("takes absolute SQLite paths in both spellings", () => {
    for (const text of ["sqlite:/a/b.db", "sqlite:///a/b.db"]) {
      assert.deepEqual(url(text) as unknown, { kind: "sqlite", file: "/a/b.db" });
    }
  });

  it("is shown without user and password", () => {
    const config = load(`[partition-1]\nurl = "mysql://user:hidden@h1,[::1]/db"\n`);
    assert.equal(config.partitions[0]!.displayUrl, "mysql://h1:3306,[::1]:3306/db");
  });

  for (const [text, expected] of [
    ["localhost", /expected mysql:\/\/.* or sqlite:PATH, got "localhost"/],
    ["postgres://u:hidden@h/db", /got "\*\*\*@h\/db"/],
    ["mysql://h/db", /has no user/],
    ["mysql://u:hidden@h", /malformed/],
    ["mysql://u:hid@den@h/db", /malformed \(in user and password, @ is %40/],
    ["mysql://u:hidden%@h/db", /no percent-encoding/],
    ["mysql://u:hidden@h:99999/db", /"h:99999" is no HOST/],
    ["mysql://u:hidden@h1,,h2/db", /"" is no HOST/],
    ["mysql://u:hidden@h/db?ssl=1", /has a query/],
    ["mysql://u:hidden@h/d`b", /database's name/],
    ["sqlite:", /expected a file/],
    ["sqlite::memory:", /keeps data in files/],
  ] as const) {
    it(`is refused as ${text}, without showing its password`, () => {
      const message = mistake(`[partition-1]\nurl = ${JSON.stringify(text)}\n`);
      assert.match(message, expected);
      assert.match(message, /^kvasir\.toml: partition-1\.url: /);
      assert.doesNotMatch(message, /hidden|hid@/);
    });
  }
});

describe("a partition's password", () => {
  it("comes from the environment or a file, without its last line break", () => {
    const cwd = folder(oneMysql("password_file = 'secret'\n"));
    writeFileSync(join(cwd, "secret"), "from a file\n");
    assert.equal(engine(load(undefined, { cwd })).password, "from a file");
    assert.equal(engine(load(oneMysql("password_env = 'PW'\n"), { env: { PW: "from env" } })).password, "from env");
  });

  it("may be overridden from the environment", () => {
    const env = { KVASIR_PARTITION_1_PASSWORD: "other" };
    assert.equal(engine(load(oneMysql("password_env = 'NOT_SET'\n"), { env })).password, "other");
  });

  it("is missed by name when its variable or file is not there", () => {
    assert.match(
      mistake(oneMysql("password_env = 'NOT_SET'\n")),
      /password_env: the environment variable NOT_SET is not set/,
    );
    assert.match(mistake(oneMysql("password_file = 'nope'\n")), /password_file: .*nope cannot be read \(ENOENT\)/);
  });

  it("is said once", () => {
    assert.match(
      mistake(oneMysql("password = 'hidden'\npassword_env = 'PW'\n")),
      /password and password_env are both set/,
    );
  });

  it("is warned of in every file of its own that others can read, and when all can change the configuration", () => {
    const cwd = folder(oneMysql("password_file = 'secret'\ntls_cert = 'cert'\ntls_key = 'key'\n"));
    const files = ["secret", "cert", "key"].map((name) => join(cwd, name));
    for (const file of files) writeFileSync(file, "x", { mode: 0o600 });
    const flags = { "server.tls_cert": files[1], "server.tls_key": files[2] };
    const warnings = () => load(undefined, { cwd, flags }).warnings.join("\n");
    assert.equal(warnings(), "");
    for (const file of files) chmodSync(file, 0o444);
    const warned = warnings();
    assert.equal(warned.split("\n").length, 3, warned);
    for (const label of ["partition-1.password_file", "partition-1.tls_key", "--server-tls-key"]) {
      assert.match(warned, new RegExp(`${label}: other users can read .*; run: chmod 6[04]0 `));
    }
    for (const file of files) chmodSync(file, 0o600);
    chmodSync(join(cwd, "kvasir.toml"), 0o666);
    assert.match(warnings(), /kvasir\.toml: all users can change the configuration; run: chmod o-w kvasir\.toml/);
  });

  it("is warned of where others can read it", () => {
    const cwd = folder(`[partition-1]\nurl = "mysql://u:hidden@h/db"\n`);
    assert.deepEqual(load(undefined, { cwd }).warnings, []);
    chmodSync(join(cwd, "kvasir.toml"), 0o644);
    const { warnings } = load(undefined, { cwd });
    assert.match(warnings.join(), /partition-1\.url has a password.* chmod 6[04]0 .*kvasir\.toml/);
    assert.doesNotMatch(warnings.join(), /hidden/);
    // The group of what root owns may read it, which is how a service gets it.
    const isRoot = process.getuid?.() === 0;
    for (const [mode, isExposed] of [
      [0o604, true],
      [0o620, true],
      [0o640, !isRoot],
      [0o600, false],
    ] as const) {
      const inside = folder(oneMysql("password = 'hidden'\n"));
      chmodSync(join(inside, "kvasir.toml"), mode);
      const isWarned = load(undefined, { cwd: inside }).warnings.some((each) => /password.* chmod 6[04]0/.test(each));
      assert.equal(isWarned, isExposed, mode.toString(8));
    }
    const flags = { "partition-1.url": "mysql://u:hidden@h/db" };
    assert.match(load(undefined, { flags }).warnings.join(), /list of processes/);
  });

  it("is not shown when it is of the wrong type", () => {
    assert.doesNotMatch(mistake(oneMysql("password = 12345\n")), /12345/);
    assert.doesNotMatch(mistake(oneMysql("password = 'hidden\n")), /hidden/);
  });
});

describe("a partition's TLS", () => {
  it("is off, on with `tls`, and on with an authority", () => {
    const cwd = folder(oneMysql("tls_ca = 'ca.pem'\ntls_verify = false\n"));
    writeFileSync(join(cwd, "ca.pem"), "");
    assert.equal(engine(load(oneMysql())).tls, undefined);
    assert.equal(engine(load(oneMysql("tls = true\n"))).tls?.verify, true);
    assert.deepEqual(engine(load(undefined, { cwd })).tls, {
      caFile: join(cwd, "ca.pem"),
      certFile: undefined,
      keyFile: undefined,
      verify: false,
    });
  });

  it("needs files that can be read, and certificate and key together", () => {
    assert.match(mistake(oneMysql("tls_ca = 'nope'\n")), /tls_ca: .*nope cannot be read/);
    assert.match(mistake(oneMysql("tls_cert = '/dev/null'\n")), /tls_cert also needs tls_key/);
    assert.match(mistake(oneMysql("tls = false\ntls_ca = '/dev/null'\n")), /tls is false, but tls_ca is set/);
  });
});

describe("test mode", () => {
  const env = { KVASIR_ENV: "test" };

  it("prefixes databases and SQLite files once", () => {
    const sections = [`"mysql://u@h/kvasir"`, `"mysql://u@h/test_x"`, `"sqlite:/d/a.db"`, `"sqlite:/d/test_b.db"`];
    const toml = `partitions = 4\n${sections.map((url, index) => `[partition-${index + 1}]\nurl = ${url}\n`).join("")}`;
    const config = load(toml, { env });
    assert.equal(config.isTest, true);
    assert.deepEqual(
      config.partitions.map(({ displayUrl }) => displayUrl),
      ["mysql://h:3306/test_kvasir", "mysql://h:3306/test_x", "sqlite:/d/test_a.db", "sqlite:/d/test_b.db"],
    );
    assert.equal(engine(config).database, "test_kvasir");
  });

  it("is entered by its name only", () => {
    assert.match(
      mistake(undefined, { env: { KVASIR_ENV: "tset" } }),
      /KVASIR_ENV: expected "test", "production" or nothing, got "tset"/,
    );
    assert.equal(load(undefined, { env: { KVASIR_ENV: "production" } }).isTest, false);
  });
});

describe("a mistake in the configuration", () => {
  for (const [name, toml, sources, expected] of [
    [
      "a file that is not there",
      undefined,
      { file: "nope.toml" },
      /^nope\.toml: there is no such file; .*--config FILE/,
    ],
    ["a file that is no TOML", "a = \n", {}, /^kvasir\.toml: line 1, column \d+: not valid TOML/],
    [
      "a missing section",
      "partitions = 2\n[partition-1]\nurl = 'mysql://u@h/db'\n",
      {},
      /^kvasir\.toml: the section \[partition-2\] is missing, because kvasir\.toml: partitions is 2/,
    ],
    [
      "a section missing although there is one with a greater number",
      "partitions = 3\n[partition-2]\nurl = 'mysql://u@h/db'\n[partition-5]\nurl = 'mysql://u@h/db2'\n",
      {},
      /the section \[partition-1\] is missing, because kvasir\.toml: partitions is 3; add it with its url, or set partitions = 2/,
    ],
    ["all sections missing", "partitions = 1\n", {}, /the section \[partition-1\] is missing/],
    [
      "a section too many",
      `${oneMysql()}[partition-2]\nurl = 'mysql://u@h/db'\n`,
      {},
      /there are the sections \[partition-1\], \[partition-2\], but partitions is 1; set partitions = 2, or remove/,
    ],
    ["a section without url", "[partition-1]\nname = 'a'\n", {}, /^kvasir\.toml: partition-1\.url is missing/],
    ["an unknown setting", "[server]\nprot = 1\n", {}, /server\.prot is no setting; did you mean port\?/],
    ["an unknown setting outside sections", "replica = 1\n", {}, /replica is no setting; did you mean replicas\?/],
    [
      "an unknown partition setting",
      oneMysql("tls_cs = 'x'\n"),
      {},
      /partition-1\.tls_cs is no setting; did you mean tls_ca\?/,
    ],
    ["an unknown section", "[sever]\nport = 1\n", {}, /\[sever\] is no section; did you mean server\?/],
    ["a section that is a value", "server = 1\n", {}, /server: expected a section/],
    [
      "an unknown variable",
      undefined,
      { env: { KVASIR_SERVER_PROT: "1" } },
      /KVASIR_SERVER_PROT is no setting; did you mean KVASIR_SERVER_PORT\?/,
    ],
    [
      "an unknown partition variable",
      undefined,
      { env: { KVASIR_PARTITION_1_URI: "1" } },
      /KVASIR_PARTITION_1_URI is no setting; did you mean KVASIR_PARTITION_1_URL\?/,
    ],
    [
      "a text for a number",
      "[server]\nport = '7070'\n",
      {},
      /server\.port: expected a whole number from 0 to 65535, got "7070"/,
    ],
    [
      "a number out of range",
      undefined,
      { flags: { "server.port": "70000" } },
      /^--server-port: expected .*, got "70000"/,
    ],
    ["any origin", "[server]\ncors_origins = ['*']\n", {}, /server\.cors_origins: expected a list of origins .* got/],
    ["an origin with a path", undefined, { flags: { "server.cors_origins": "https://a.example/" } }, /expected a list/],
    [
      "a rate without its time",
      "[server]\nrate_limit = 100\n",
      {},
      /rate_limit: expected "none" or a rate .* got 100$/,
    ],
    ["a time without unit", "[timeouts]\nquery = 2\n", {}, /timeouts\.query: expected a time .* got 2$/],
    ["a bad choice", "durability = 'lax'\n", {}, /durability: expected "relaxed" or "strict", got "lax"/],
    [
      "a bad truth",
      undefined,
      { env: { KVASIR_STAND_IN: "maybe" } },
      /^KVASIR_STAND_IN: expected true or false, got "maybe"/,
    ],
    [
      "more replicas than partitions",
      "replicas = 2\n",
      {},
      /replicas: 2 replicas need as many partitions, but there are 1/,
    ],
    ["a bad name", oneMysql("name = 'a b'\n"), {}, /partition-1\.name: expected 1 to 64 letters/],
    [
      "a name given twice",
      "partitions = 2\n[partition-1]\nurl = 'mysql://u@h/a'\nname = 'partition-2'\n[partition-2]\nurl = 'mysql://u@h/b'\n",
      {},
      /\[partition-2\] has the name of \[partition-1\], partition-2/,
    ],
    [
      "a database given twice",
      "partitions = 2\n[partition-1]\nurl = 'mysql://u@h/a'\n[partition-2]\nurl = 'mysql://u@h:3306/a'\n",
      {},
      /\[partition-2\] is the same database as \[partition-1\], mysql:\/\/h:3306\/a/,
    ],
    [
      "header fields slower than the request",
      "[server]\nheaders_timeout = '2m'\n",
      {},
      /server\.headers_timeout is longer than server\.request_timeout/,
    ],
  ] as const) {
    it(`is told in one line: ${name}`, () => {
      assert.match(mistake(toml, sources), expected);
    });
  }

  it("is only a warning for variables that may be somebody else's", () => {
    const env = { KVASIR_SOMETHING_ELSE_ENTIRELY: "1", KVASIR_PORT: "tcp://10.0.0.1:7070", KVASIR_SERVICE_HOST: "x" };
    assert.deepEqual(load(undefined, { env }).warnings, [
      "environment: KVASIR_SOMETHING_ELSE_ENTIRELY is no setting of Kvasir; it is ignored",
    ]);
  });
});

describe("docs/configuration.md and kvasir.example.toml", () => {
  const lines = readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8").split("\n");

  it("names every setting with its default", () => {
    const missing = [...rows(settings, ""), ...rows(partitionSettings, "partition-1.")].filter(
      (row) => !lines.includes(row),
    );
    assert.deepEqual(missing, []);
    const documented = lines.filter((line) => /^\| `[a-z_.]+` \| `KVASIR_/.test(line)).length;
    assert.equal(documented, Object.keys(settings).length + Object.keys(partitionSettings).length);
  });

  it("shows a file that is valid", () => {
    const toml = readFileSync(new URL("../kvasir.example.toml", import.meta.url), "utf8");
    const config = load(toml.replace("/run/secrets/db2", "/dev/null"), { env: { DB1_PASSWORD: "secret" } });
    assert.deepEqual(
      config.partitions.map(({ displayUrl }) => displayUrl),
      ["mysql://db1.example:3306/kvasir", "mysql://db2.example:3306/kvasir"],
    );
  });
});

/** The rows of the documented table, as they must be. */
function rows(table: { readonly [name: string]: Setting }, section: string): string[] {
  return Object.entries(table).map(([name, setting]) => {
    const flags = [
      ...(setting.shortFlag === undefined ? [] : [setting.shortFlag]),
      ...(setting.isSecret ? [] : [flagName(section + name)]),
    ].map((flag) => `\`--${flag}\``);
    const standard =
      setting.default === undefined ? "none" : setting.default === "" ? "empty" : `\`${setting.default}\``;
    const cells = [flags.join(", ") || "none", setting.kind.expected, standard, setting.meaning];
    return `| \`${name}\` | \`${environmentName(section + name)}\` | ${cells.join(" | ")} |`;
  });
}
