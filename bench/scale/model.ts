/** What one operation costs, as `measure.ts` found it: a part for each statement or transaction, and one for each member. */
export interface Cost {
  /** CPU of the front end for each batch, and for each key in it, in µs. */
  readonly frontEnd: readonly [batch: number, member: number];
  /** The same of the database server. */
  readonly database: readonly [batch: number, member: number];
  readonly measured: string;
}

export interface Costs {
  readonly machine: string;
  /** CPU of the front end for a request without what its partition takes, in µs. */
  readonly request: { readonly frontEnd: number; readonly measured: string };
  readonly read: Cost;
  /** Without hints; in one transaction. */
  readonly write: Cost;
  /** For each hint that goes with a write. */
  readonly hint: Cost;
  /** For each record that is delivered to another replica, its hint settled. */
  readonly delivery: Cost;
  /** For a page of a list; a member is a row that is looked at. */
  readonly list: Cost;
  /** For a comparison; a member is a record. */
  readonly digest: Cost;
}

export interface Layout {
  readonly frontEnds: number;
  readonly partitions: number;
  readonly replicas: number;
  readonly keys: number;
  /** Requests a second in all. */
  readonly rate: number;
  /** Parts of the requests; what is left of 1 are reads. A list is a page of `listLimit` keys. */
  readonly writes: number;
  readonly lists: number;
  readonly listLimit: number;
  readonly databaseCores: number;
  /** Of one front end to one partition, for reads and for writes. */
  readonly readConnections: number;
  readonly writeConnections: number;
  readonly maxConnections: number;
  /** Of the network and of the disk, in µs. */
  readonly roundTrip: number;
  readonly fsync: number;
  readonly passSeconds: number;
}

export const defaults: Layout = {
  frontEnds: 2,
  partitions: 3,
  replicas: 3,
  keys: 1_000_000,
  rate: 5000,
  writes: 0.2,
  lists: 0.001,
  listLimit: 100,
  databaseCores: 4,
  readConnections: 4,
  writeConnections: 4,
  maxConnections: 500,
  roundTrip: 200,
  fsync: 1000,
  passSeconds: 600,
};

const resources = [
  "front-end CPU",
  "database CPU",
  "read connections",
  "write connections",
  "connections of a server",
  "digests",
  "outbox",
  "lists",
] as const;
export type ResourceName = (typeof resources)[number];

export interface Resource {
  readonly name: ResourceName;
  /** 1 is all that there is. */
  readonly use: number;
  /** What the number means. */
  readonly what: string;
  /** What to change when it is the limit. */
  readonly change: string;
}

/** Beyond this part of a processor's time everything waits for it. */
const cpuShare = 0.8;
/** Comparing may take this part of a database server, so that it leaves requests alone. */
const digestShare = 0.1;
/** And lists this part of what reads get. */
const listShare = 0.5;
const batchMax = 256;
/** A lane that delivers, and one that settles, for each front end and partition. */
const deliveryLanes = 1;

const changes: Record<ResourceName, string> = {
  "front-end CPU": "more front ends, or workers on machines with free cores",
  "database CPU": "more partitions with fewer replicas than partitions; then larger servers",
  "read connections": "more connections (`read_connections`), a shorter way to the servers, or more partitions",
  "write connections": "more connections (`write_connections`), faster fsyncs, or more partitions",
  "connections of a server":
    "fewer front ends with more to do each, fewer connections of each, or a greater `max_connections`",
  digests: "a longer `sync.pass_interval`, or comparing in one process only",
  outbox: "more front ends (each delivers what it took), fewer replicas, or more partitions",
  lists: "narrower lists, fewer replicas, or partitions only as many as reads need",
};

/** How much of each resource the layout uses. */
export function usage(layout: Layout, costs: Costs): Resource[] {
  const { frontEnds, partitions, replicas, keys, rate, databaseCores, roundTrip, fsync } = layout;
  const writeRate = rate * layout.writes;
  const listRate = rate * layout.lists;
  const readRate = rate - writeRate - listRate;
  const streams = frontEnds * partitions;
  const delivered = writeRate * (replicas - 1);
  // Each partition looks through its rows until it has its share of the page: all of its rows, not only those it serves.
  const rows = (layout.listLimit * replicas * 1.25) / partitions + 8;
  const listFrontEnd = partitions * costs.list.frontEnd[0] + layout.listLimit * costs.list.frontEnd[1];
  const listDatabase = costs.list.database[0] + rows * costs.list.database[1];
  const records = (keys * replicas) / partitions;
  const digestDatabase = (records * costs.digest.database[1] * frontEnds) / layout.passSeconds;

  const writeCost = added(costs.write, costs.hint, replicas - 1);
  const streamsAt = (load: number) => ({
    reading: stream(costs.read, readRate / streams, layout.readConnections, roundTrip, load),
    writing: stream(writeCost, writeRate / streams, layout.writeConnections, 3 * roundTrip + fsync, load),
    delivering: stream(costs.delivery, delivered / streams, deliveryLanes, 4 * roundTrip + 2 * fsync, load),
  });
  const frontEndLoad = (load: number) => {
    const { reading, writing, delivering } = streamsAt(load);
    const requests = (rate * costs.request.frontEnd + listRate * listFrontEnd) / frontEnds;
    return (requests + partitions * (reading.frontEnd + writing.frontEnd + delivering.frontEnd)) / 1e6;
  };
  const load = settledLoad(frontEndLoad);
  const { reading, writing, delivering } = streamsAt(load);
  // Batches as small as those of idle front ends, which cost a server the most.
  const single = streamsAt(0);
  const requestsCpu = frontEnds * (single.reading.database + single.writing.database + single.delivering.database);
  const databaseCpu = requestsCpu + listRate * listDatabase + digestDatabase;
  const perServer = frontEnds * (layout.readConnections + layout.writeConnections);
  const database = 1e6 * databaseCores;
  const use: Record<ResourceName, [number, string]> = {
    "front-end CPU": [
      frontEndLoad(load) / cpuShare,
      `of ${cpuShare * 100} % of the one core of each; ${round(reading.batch)} reads and ${round(writing.batch)} writes travel together`,
    ],
    "database CPU": [
      databaseCpu / database / cpuShare,
      `of ${cpuShare * 100} % of the ${databaseCores} cores of each server`,
    ],
    "read connections": [reading.use, `of what ${layout.readConnections} connections to each partition carry`],
    "write connections": [writing.use, `of what ${layout.writeConnections} connections to each partition carry`],
    "connections of a server": [perServer / layout.maxConnections, `${perServer} of ${layout.maxConnections}`],
    digests: [
      digestDatabase / (database * digestShare),
      `of ${digestShare * 100} % of each server: ${frontEnds} comparisons of ${round(records)} records every ${layout.passSeconds} s`,
    ],
    outbox: [
      delivering.use,
      `of what can be delivered; an hour without one server leaves ${round((delivered / Math.max(1, partitions)) * 3600)} hints`,
    ],
    lists: [
      (listRate * listDatabase) / (database * listShare),
      `of ${listShare * 100} % of each server; a page looks at ${round(rows * partitions)} rows on ${partitions} partitions`,
    ],
  };
  return resources.map((name) => ({ name, use: use[name][0], what: use[name][1], change: changes[name] }));
}

/** The resource that is used the most. */
export function firstLimit(layout: Layout, costs: Costs): Resource {
  return usage(layout, costs).reduce((first, each) => (each.use > first.use ? each : first));
}

/** The greatest rate at which nothing is used up, and what is then; 0 when it is without any request. */
export function greatestRate(layout: Layout, costs: Costs): { readonly rate: number; readonly limit: Resource } {
  const fits = (rate: number) => firstLimit({ ...layout, rate }, costs).use <= 1;
  let [low, high] = [0, 1];
  if (!fits(0)) return { rate: 0, limit: firstLimit({ ...layout, rate: 0 }, costs) };
  while (fits(high) && high < 1e9) high *= 2;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return { rate: low, limit: firstLimit({ ...layout, rate: high }, costs) };
}

interface Stream {
  /** Members that travel together. */
  readonly batch: number;
  /** Of the lanes, 1 for all of the time with the largest batches. */
  readonly use: number;
  /** CPU in µs a second. */
  readonly frontEnd: number;
  readonly database: number;
}

/**
 * `rate` members a second over `lanes` connections, while the front end is busy for the part `load` of its time. A
 * batch leaves when a lane is free, so it holds what has come in the time that the one before it took: idle lanes carry
 * single ones, busy ones grow.
 */
function stream(cost: Cost, rate: number, lanes: number, waitMicroseconds: number, load: number): Stream {
  const [frontBatch, frontMember] = cost.frontEnd;
  const [dataBatch, dataMember] = cost.database;
  const cycle = waitMicroseconds + (frontBatch + dataBatch) / (1 - load);
  const batch = Math.min(batchMax, Math.max(1, (rate / 1e6) * (cycle / lanes)));
  const batches = rate / batch;
  const least = (waitMicroseconds + frontBatch + dataBatch) / batchMax + frontMember + dataMember;
  return {
    batch,
    use: ((rate / 1e6) * least) / lanes,
    frontEnd: batches * frontBatch + rate * frontMember,
    database: batches * dataBatch + rate * dataMember,
  };
}

/** The load that makes batches of just the size that causes it: the busier, the larger they are, and the fewer. */
function settledLoad(causedAt: (load: number) => number): number {
  let [low, high] = [0, 0.999];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (causedAt(middle) > middle) low = middle;
    else high = middle;
  }
  return high;
}

/** `cost` with `count` times `more` for each member. */
function added(cost: Cost, more: Cost, count: number): Cost {
  const sum = (one: Cost["frontEnd"], other: Cost["frontEnd"]): [number, number] => [
    one[0] + (count > 0 ? other[0] : 0),
    one[1] + count * other[1],
  ];
  return { ...cost, frontEnd: sum(cost.frontEnd, more.frontEnd), database: sum(cost.database, more.database) };
}

function round(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString("en");
}
