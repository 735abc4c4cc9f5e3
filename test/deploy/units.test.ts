import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../src/config.ts";
import { findProgram } from "../support/programs.ts";

const units = globSync("deploy/systemd/*").sort();

/** What the commands of the files are called with, as the help of the program knows them. */
function assertKnown(line: string): void {
  const [command, ...flags] = line.trim().split(/\s+/);
  const { status, stdout } = spawnSync(process.execPath, ["src/cli/main.ts", "help", command!], { encoding: "utf8" });
  assert.equal(status, 0, line);
  for (const flag of flags.filter((each) => each.startsWith("-"))) assert.ok(stdout.includes(`${flag} `), line);
}

describe("the systemd units", () => {
  it("start commands that the program has", () => {
    const lines = units.flatMap((file) => [...readFileSync(file, "utf8").matchAll(/^ExecStart=.*? kvasir (.*)$/gm)]);
    assert.equal(lines.length, 2);
    for (const [, line] of lines) assertKnown(line!);
  });

  const skip = findProgram("systemd-analyze") === undefined ? "systemd-analyze is not here to judge them" : false;
  it("are taken by systemd-analyze verify", { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), "kvasir-units-"));
    try {
      for (const file of units) writeFileSync(join(folder, basename(file)), readFileSync(file));
      const paths = units.map((file) => join(folder, basename(file)));
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...paths], { encoding: "utf8" });
      const complaints = stderr.split("\n").filter((line) => line.includes("kvasir"));
      assert.deepEqual([status, complaints], [0, []], stderr);
      // It would complain.
      writeFileSync(paths[0]!, "[Service]\nExecStrat=/bin/true\n");
      const wrong = spawnSync("systemd-analyze", ["verify", "--man=no", paths[0]!], { encoding: "utf8" });
      assert.match(wrong.stderr, /ExecStrat/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly ports?: readonly string[];
  readonly environment: { readonly [name: string]: string };
  readonly volumes?: readonly string[];
  readonly depends_on?: object;
}

describe("the Dockerfile", () => {
  const text = readFileSync("deploy/Dockerfile", "utf8");
  const lines = text.split("\n");

  it("copies what is there, and takes from the build what the build makes", () => {
    const copied = lines.filter((line) => line.startsWith("COPY ") && !line.includes("--from"));
    for (const line of copied) {
      for (const source of line.split(" ").slice(1, -1)) assert.ok(existsSync(source), source);
    }
    const { compilerOptions } = JSON.parse(readFileSync("tsconfig.build.json", "utf8"));
    const { bin, engines } = JSON.parse(readFileSync("package.json", "utf8"));
    assert.match(
      text,
      new RegExp(`^COPY --from=build /build/${compilerOptions.outDir} ${compilerOptions.outDir}$`, "m"),
    );
    assert.ok(text.includes(`ENTRYPOINT ["node", "${bin.kvasir}"]`));
    const versions = [...text.matchAll(/^FROM node:(\d+)-/gm)].map(([, version]) => Number(version));
    assert.ok(versions.length === 2 && versions.every((version) => version >= Number(engines.node.slice(2))));
  });

  it("starts the server with settings that there are, where the port is exposed", () => {
    const [, command] = /^CMD \["(\w+)"\]$/m.exec(text)!;
    assertKnown(command!);
    const pairs = [...text.matchAll(/\b(KVASIR_\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]);
    const config = loadConfig({ file: undefined, env: Object.fromEntries(pairs), flags: {}, cwd: "/app" });
    assert.deepEqual(config.warnings, []);
    assert.equal(config.server.host, "0.0.0.0");
    assert.match(config.partitions[0]!.displayUrl, /^sqlite:\/data\//);
    assert.match(text, new RegExp(`^EXPOSE ${config.server.port}$`, "m"));
    assert.ok(text.includes(`127.0.0.1:${config.server.port}/healthz`));
  });
});

describe("the compose file", () => {
  const { services, volumes } = parse(readFileSync("deploy/compose.yaml", "utf8"), { merge: true }) as {
    services: { readonly [name: string]: Service };
    volumes: object;
  };
  const kvasir = services.kvasir!;
  const databases = Object.entries(services).filter(([name]) => name !== "kvasir");

  it("builds from files that are there", () => {
    assert.ok(existsSync(join("deploy", kvasir.build!.context, kvasir.build!.dockerfile)));
  });

  it("has a partition for every database, with its user and password", () => {
    const config = loadConfig({ file: undefined, env: kvasir.environment, flags: {}, cwd: "/app" });
    assert.equal(config.partitions.length, databases.length);
    assert.deepEqual(
      Object.keys(kvasir.depends_on!),
      databases.map(([name]) => name),
    );
    for (const [index, [name, { environment }]] of databases.entries()) {
      const { MARIADB_USER: user, MARIADB_DATABASE: database, MARIADB_PASSWORD: password } = environment;
      assert.equal(config.partitions[index]!.displayUrl, `mysql://${name}:3306/${database}`);
      assert.match(kvasir.environment[`KVASIR_PARTITION_${index + 1}_URL`]!, new RegExp(`//${user}@`));
      assert.equal(kvasir.environment[`KVASIR_PARTITION_${index + 1}_PASSWORD`], password);
    }
    assert.deepEqual(kvasir.ports, [`127.0.0.1:${config.server.port}:${config.server.port}`]);
  });

  it("gives each database a volume of its own", () => {
    const used = databases.map(([, service]) => service.volumes![0]!.split(":")[0]!);
    assert.deepEqual(used, Object.keys(volumes));
  });
});
