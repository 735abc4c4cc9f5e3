import { names } from "./cases.ts";
import { bare, etcd, mysql2, one, sqlite, sqliteMillion, three, unstorageMysql, webdis } from "./contenders.ts";
import { median, type Results, summarise } from "./results.ts";
import type { Contender, Load } from "./subject.ts";

/** What Kvasir is to reach, and what it reached. */
export interface Target {
  readonly target: string;
  /** `undefined` when it was not measured in this run. */
  readonly reached: string | undefined;
  readonly isReached: boolean;
}

const mib = 2 ** 20;

export function judge(results: Results): Target[] {
  const find = (name: string, { name: contender }: Contender): Load | undefined => {
    const found = results.measurements.find((each) => each.case === name && each.contender === contender);
    return found && summarise(found.rounds);
  };
  /** The rate of `ours` as a multiple of that of `theirs`. */
  const ratio = (target: string, name: string, [ours, theirs]: [Contender, Contender], atLeast: number): Target => {
    const [our, their] = [find(name, ours)?.requestsPerSecond, find(name, theirs)?.requestsPerSecond];
    const reached = our !== undefined && their !== undefined ? our / their : undefined;
    return judged(
      `${target} at least ${atLeast} times`,
      reached,
      (value) => value >= atLeast,
      (value) => value.toFixed(2),
    );
  };
  const growth = (what: string, name: string): Target => {
    const [small, grown] = [find(name, sqlite)?.requestsPerSecond, find(name, sqliteMillion)?.requestsPerSecond];
    const reached = small !== undefined && grown !== undefined ? (1 - grown / small) * 100 : undefined;
    const text = `${what} on SQLite with 1 million keys at most 15 % slower than with 10 thousand`;
    return judged(
      text,
      reached,
      (value) => value <= 15,
      (value) => `${value.toFixed(0)} %`,
    );
  };
  const { startMs, stopped, memory, largeValue } = results.special;
  const [ourAlone, bareAlone] = [find(names.getAlone, sqlite)?.p50Ms, find(names.getAlone, bare)?.p50Ms];
  return [
    ratio("GET on SQLite: bare `node:http`", names.get, [sqlite, bare], 0.75),
    ratio("GET on SQLite: webdis and redis", names.get, [sqlite, webdis], 1),
    ratio("GET on SQLite: etcd", names.get, [sqlite, etcd], 5),
    ratio("durable PUT on SQLite: bare `node:http`", names.put, [sqlite, bare], 0.5),
    ratio("durable PUT on SQLite: etcd", names.put, [sqlite, etcd], 2.5),
    ratio("GET on one MariaDB: one query a key through mysql2", names.get, [one, mysql2], 1.2),
    ratio("GET on one MariaDB: unstorage on MariaDB", names.get, [one, unstorageMysql], 8),
    ratio("PUT on three MariaDB: one upsert a key through mysql2 into one", names.put, [three, mysql2], 1.5),
    ratio("PUT on three MariaDB: unstorage on one MariaDB", names.put, [three, unstorageMysql], 3),
    growth("GET", names.getGrown),
    growth("PUT", names.putGrown),
    growth("list page of 100", names.listGrown),
    judged(
      "p99 of GETs with one of three MariaDB frozen at most 3 times the healthy one",
      stopped && median(stopped.stoppedP99Ms) / median(stopped.healthyP99Ms),
      (value) => value <= 3,
      (value) => value.toFixed(2),
    ),
    judged(
      "memory of a front end at 512 connections below 200 MiB",
      memory && memory.loadedBytesMax / mib,
      (value) => value < 200,
      (value) => `${value.toFixed(0)} MiB`,
    ),
    judged(
      "memory of a value of 8 MiB, put and got, at most 3 copies",
      largeValue && Math.max(largeValue.putBytes, largeValue.getBytes) / largeValue.valueBytes,
      (value) => value <= 3,
      (value) => value.toFixed(1),
    ),
    judged(
      "p50 of a GET on SQLite at 1 connection at most 60 µs above bare",
      ourAlone !== undefined && bareAlone !== undefined ? (ourAlone - bareAlone) * 1000 : undefined,
      (value) => value <= 60,
      (value) => `${value.toFixed(0)} µs`,
    ),
    judged(
      "`kvasir serve` answers at most 400 ms after its start",
      startMs && median(startMs),
      (value) => value <= 400,
      (value) => `${value.toFixed(0)} ms`,
    ),
  ];
}

function judged(
  target: string,
  value: number | undefined,
  test: (value: number) => boolean,
  format: (value: number) => string,
): Target {
  if (value === undefined || Number.isNaN(value)) return { target, reached: undefined, isReached: false };
  return { target, reached: format(value), isReached: test(value) };
}
