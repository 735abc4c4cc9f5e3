import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { base, createMariadb, type MariadbServer, requireMariadb } from "./mariadb.ts";
import { freePort } from "./ports.ts";
import { findProgram, requireFile } from "./programs.ts";

const library = "/usr/lib/galera/libgalera_smm.so";
const readyTimeoutMs = 90_000;

/** Members of one Galera cluster on the loopback, each a server with a data folder and ports of its own. */
export interface GaleraCluster {
  readonly members: readonly MariadbServer[];
  /** Starts a member again after `stop` or `kill`, and waits until it is in the cluster. */
  rejoin(member: number): Promise<void>;
  /** Resolves when all members that run are ready and see `size` of them. */
  untilReady(size: number): Promise<void>;
  stop(): Promise<void>;
}

/** Why there can be no cluster here; `undefined` when there can. Installs what is missing where it may. */
export function galeraIsMissing(): string | undefined {
  const found = requireFile(library, "galera-4");
  return "missing" in found ? found.missing : undefined;
}

/**
 * A cluster of `size` members, with Galera's usual timeouts: a member that is gone stops the others for five seconds,
 * until they leave it out. With shorter ones a busy machine leaves out the living.
 */
export async function startGalera(size: number): Promise<GaleraCluster> {
  await requireMariadb();
  const programs = writeTransferScript();
  const data = await makeTemplate();
  const ports = await Promise.all(
    Array.from({ length: size }, async () => ({ group: await freePort(), transfer: await freePort() })),
  );
  const address = ports.map(({ group }) => `127.0.0.1:${group}`).join(",");
  let isFounded = false;
  const members = await Promise.all(
    ports.map(({ group, transfer }, index) => {
      let server: MariadbServer | undefined;
      const args = () => [
        ...wsrepArgs(group, transfer),
        ...(isFounded || index > 0 ? [`--wsrep-cluster-address=gcomm://${address}`] : founderArgs),
        ...(server === undefined ? [] : startPosition(server)),
      ];
      const created = createMariadb({ args, data, programs });
      void created.then((made) => {
        server = made;
      });
      return created;
    }),
  );
  const untilReady = async (count: number) => {
    for (const member of members) if (member.pid !== undefined) await untilMemberReady(member, count);
  };
  await members[0]!.start();
  isFounded = true;
  await untilMemberReady(members[0]!, 1);
  await Promise.all(members.slice(1).map((member) => member.start()));
  await untilReady(size);
  return {
    members,
    rejoin: async (index) => {
      await members[index]!.start();
      await untilReady(members.filter((member) => member.pid !== undefined).length);
    },
    untilReady,
    stop: async () => {
      await Promise.all(members.map((member) => member.kill()));
    },
  };
}

const founderArgs = ["--wsrep-new-cluster", "--wsrep-cluster-address=gcomm://"];

function wsrepArgs(group: number, transfer: number): string[] {
  const options = [
    `base_port=${group}`,
    `gmcast.listen_addr=tcp://127.0.0.1:${group}`,
    `ist.recv_addr=127.0.0.1:${transfer}`,
    "gcache.size=64M",
    "pc.recovery=false",
  ];
  return [
    "--wsrep-on=ON",
    `--wsrep-provider=${library}`,
    `--wsrep-provider-options=${options.join(";")}`,
    "--wsrep-cluster-name=kvasir-test",
    "--wsrep-node-address=127.0.0.1",
    "--wsrep-sst-method=kvasir",
    "--binlog-format=ROW",
    "--innodb-autoinc-lock-mode=2",
  ];
}

/** Where a member that was killed stands, which only its tables know; its log says it when it is asked. */
function startPosition(server: MariadbServer): string[] {
  const state = readFileSync(join(server.data, "grastate.dat"), "utf8");
  if (!/^seqno:\s+-1$/m.test(state)) return [];
  const owner = process.getuid?.() === 0 ? ["--user=mysql"] : [];
  const folder = [`--datadir=${server.data}`, `--socket=${server.socket}`, `--pid-file=${join(server.data, "pid")}`];
  const reduced = ["--skip-networking", "--innodb-log-file-size=64M", "--innodb-buffer-pool-size=32M"];
  const provider = ["--binlog-format=ROW", "--wsrep-on=ON", `--wsrep-provider=${library}`];
  const recover = ["--wsrep-cluster-address=gcomm://", "--wsrep-sst-method=kvasir", "--wsrep-recover"];
  const args = ["--no-defaults", ...owner, ...folder, ...reduced, ...provider, ...recover];
  const { stderr } = spawnSync(findProgram("mariadbd")!, args, { encoding: "utf8" });
  const position = /WSREP: Recovered position:?\s*(\S+)/.exec(stderr)?.[1];
  if (position === undefined) throw new Error(`the member's position is not known:\n${stderr.slice(-2000)}`);
  return [`--wsrep-start-position=${position}`];
}

async function untilMemberReady(member: MariadbServer, size: number): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    const status = await member.show("SHOW STATUS LIKE 'wsrep_%'").catch(() => new Map<string, string>());
    if (status.get("wsrep_ready") === "ON" && status.get("wsrep_cluster_size") === String(size)) return;
    if (member.pid === undefined || performance.now() > deadline) {
      const state = [...status].filter(([name]) => /ready|cluster_s|state_comment/.test(name)).join(" ");
      throw new Error(`the member at port ${member.port} is not in a cluster of ${size}: ${state}`);
    }
    await sleep(50);
  }
}

let templateFolder: Promise<string> | undefined;

/**
 * A data folder that knows of its place in the history of a cluster, made once a process: members that begin with
 * copies of it need only the little that came later, and no copy of a whole data folder.
 */
function makeTemplate(): Promise<string> {
  templateFolder ??= (async () => {
    const [group, transfer] = [await freePort(), await freePort()];
    const server = await createMariadb({ args: [...wsrepArgs(group, transfer), ...founderArgs] });
    await server.start();
    await untilMemberReady(server, 1);
    await server.stop();
    rmSync(join(server.data, "galera.cache"), { force: true });
    return server.data;
  })();
  return templateFolder;
}

/**
 * A way of state transfer for members that lack only what the others still have in their caches, which they fetch by
 * themselves: nothing is copied, and the two sides agree on the position through a file.
 */
function writeTransferScript(): string {
  const folder = join(base(), "programs");
  const file = join(folder, "wsrep_sst_kvasir");
  if (existsSync(file)) return folder;
  mkdirSync(folder);
  writeFileSync(file, transferScript, { mode: 0o755 });
  execFileSync("chmod", ["755", folder, file]);
  return folder;
}

const transferScript = `#!/bin/bash
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2; shift ;;
    --datadir) data=$2; shift ;;
    --address) address=$2; shift ;;
    --gtid) gtid=$2; shift ;;
    --bypass) bypass=1 ;;
  esac
  shift
done
if [ "$role" = joiner ]; then
  rm -f "$data/transferred"
  echo "ready 127.0.0.1:1/$data/transferred"
  until [ -s "$data/transferred" ]; do sleep 0.05; done
  cat "$data/transferred"
else
  [ -n "$bypass" ] || exit 22
  file="/\${address#*//}"
  echo "$gtid" > "$file.part" && mv "$file.part" "$file"
  echo "done $gtid"
fi
`;
