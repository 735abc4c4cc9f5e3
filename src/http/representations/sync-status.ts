import type { SyncStatus } from "../../store-types.ts";
import { isoTime } from "./time.ts";
import { xmlElement, xmlText } from "./xml.ts";

/** What a front end knows of synchronisation, as plain numbers and texts. Keys that may not be read are left out. */
export function syncDocument(sync: SyncStatus, mayRead: (key: string) => boolean) {
  const { delivered, discarded, setAside, lastPass, lastPurge, clockSkewMs, futureVersions, unknownOutcomes } = sync;
  return {
    delivered,
    discarded,
    unknownOutcomes,
    futureVersions,
    ...(clockSkewMs === undefined ? {} : { clockSkewMs: Math.round(clockSkewMs) }),
    setAside: setAside.map(({ source, target, key, reason }) => ({
      source,
      target,
      ...(mayRead(key) && { key }),
      reason,
    })),
    ...(lastPass === undefined
      ? {}
      : {
          lastPass: {
            at: isoTime(lastPass.at),
            tookMs: Math.round(lastPass.tookMs),
            records: lastPass.records,
            differing: lastPass.differing,
            mended: lastPass.mended,
            ghosts: lastPass.ghosts,
            damaged: lastPass.damaged.length,
            missing: lastPass.missing,
          },
        }),
    ...(lastPurge === undefined
      ? {}
      : { lastPurge: { at: isoTime(lastPurge.at), purged: lastPurge.purged, blocked: lastPurge.blocked } }),
  };
}

export type SyncDocument = ReturnType<typeof syncDocument>;

export function syncXml(sync: SyncDocument): string {
  const { setAside, lastPass, lastPurge, ...counts } = sync;
  const texts = (members: object) => Object.entries(members).map(([name, member]) => xmlText(name, String(member)));
  return xmlElement(
    "sync",
    texts(counts).join("") +
      xmlElement("setAside", setAside.map((record) => xmlElement("record", texts(record).join(""))).join("")) +
      (lastPass === undefined ? "" : xmlElement("lastPass", texts(lastPass).join(""))) +
      (lastPurge === undefined ? "" : xmlElement("lastPurge", texts(lastPurge).join(""))),
  );
}

/** Names and texts for people, one fact each. */
export function syncFacts(sync: SyncDocument): [name: string, fact: string][] {
  const { setAside, lastPass, lastPurge, clockSkewMs } = sync;
  return [
    ["delivered", `${sync.delivered} records to replicas, ${sync.discarded} lost to newer ones`],
    ...setAside.map(({ key, target, reason }): [string, string] => [
      "set aside",
      `${key ?? "a record"} for ${target}: ${reason}`,
    ]),
    ["compared", lastPass === undefined ? "not yet" : passText(lastPass)],
    ["purged", lastPurge === undefined ? "not yet" : purgeText(lastPurge)],
    ["clock", clockSkewMs === undefined ? "nothing to compare with" : `${clockSkewMs} ms ahead of the servers`],
    ["unknown", `${sync.unknownOutcomes} writes whose outcome is not known`],
  ];
}

function passText(pass: NonNullable<SyncDocument["lastPass"]>): string {
  const { at, tookMs, records, differing, mended, ghosts, damaged, missing } = pass;
  const found = `${records} records, ${differing} differing, ${mended} mended, ${ghosts} ghosts, ${damaged} damaged`;
  return `${at} in ${tookMs} ms: ${found}${missing.length === 0 ? "" : `; not compared: ${missing.join(", ")}`}`;
}

function purgeText({ at, purged, blocked }: NonNullable<SyncDocument["lastPurge"]>): string {
  return `${at}: ${blocked === "" ? `${purged} records` : `blocked, ${blocked}`}`;
}
