import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MariadbServer } from "../../test/support/mariadb.ts";
import { freePort } from "../../test/support/ports.ts";
import { type Environment, requireProgram } from "../environment.ts";
import { startAt, startPrinting } from "../processes.ts";
import type { Contender } from "../subject.ts";
import { HttpSubject } from "./http-subject.ts";

const local = (name: string) => new URL(`../${name}`, import.meta.url).pathname;

/** The floor: `node:http` and a Map. */
export const bare: Contender = {
  name: "bare node:http, a Map",
  isDurable: false,
  start: async (environment) => {
    const server = await startPrinting(process.execPath, [local("bare.ts")], environment.folder("bare"));
    return new HttpSubject({ dialect: "kv", servers: [server] });
  },
};

export const webdis: Contender = {
  name: "webdis and redis",
  isDurable: false,
  start: async (environment) => {
    const [webdisProgram, redisProgram] = [
      requireProgram("webdis", "webdis"),
      requireProgram("redis-server", "redis-server"),
    ];
    const folder = environment.folder("webdis");
    const [redisPort, port] = [await freePort(), await freePort()];
    const file = join(folder, "webdis.json");
    const settings = { redis_host: "127.0.0.1", redis_port: redisPort, http_host: "127.0.0.1", http_port: port };
    const limits = { threads: 2, pool_size: 10, http_max_request_size: 2 ** 24 };
    writeFileSync(
      file,
      JSON.stringify({ ...settings, ...limits, daemonize: false, verbosity: 0, logfile: "webdis.log" }),
    );
    const args = ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const redis = await startAt(redisProgram, args, folder, `tcp://127.0.0.1:${redisPort}`);
    const front = await startAt(webdisProgram, [file], folder, `http://127.0.0.1:${port}`);
    return new HttpSubject({ dialect: "webdis", servers: [front, redis] });
  },
};

export const etcd: Contender = {
  name: "etcd, JSON gateway",
  isDurable: true,
  start: async (environment) => {
    const program = requireProgram("etcd", "etcd-server");
    const folder = environment.folder("etcd");
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    const args = [
      ...["--data-dir", join(folder, "data"), "--log-level", "error"],
      ...["--listen-client-urls", client, "--advertise-client-urls", client],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
    ];
    return new HttpSubject({ dialect: "etcd", servers: [await startAt(program, args, folder, client)] });
  },
};

export const unstorageMemory = unstorage("memory", false, async () => ({ args: ["memory"] }));

export const unstorageFiles = unstorage("filesystem", false, async (environment) => ({
  args: ["fs", environment.folder("files")],
}));

export const unstorageMysql = unstorage("MariaDB", true, async (environment) => {
  const { name, servers } = await environment.database(1);
  const { host, port, user, password } = servers[0]!;
  return { args: ["mysql", host, String(port), user, password, name], databases: servers };
});

/** Its PUT makes new documents, because a replacement would have to name the revision. */
export const pouchdb: Contender = {
  name: "express-pouchdb, LevelDB (PUT: new keys)",
  isDurable: false,
  start: async (environment) => {
    const folder = environment.folder("pouchdb");
    const server = await startPrinting(process.execPath, [environment.peer("express-pouchdb.mjs"), folder], folder);
    const response = await fetch(`${server.url}/kv`, { method: "PUT" });
    if (!response.ok) throw new Error(`express-pouchdb: ${response.status} ${await response.text()}`);
    return new HttpSubject({ dialect: "pouchdb", servers: [server] });
  },
};

interface Driver {
  readonly args: readonly string[];
  readonly databases?: readonly MariadbServer[];
}

function unstorage(
  name: string,
  isDurable: boolean,
  prepare: (environment: Environment) => Promise<Driver>,
): Contender {
  return {
    name: `unstorage server, ${name}`,
    isDurable,
    start: async (environment) => {
      const program = environment.peer("unstorage.mjs");
      const { args, ...rest } = await prepare(environment);
      const server = await startPrinting(process.execPath, [program, ...args], environment.folder("unstorage"));
      return new HttpSubject({ dialect: "unstorage", servers: [server], ...rest });
    },
  };
}
