import stringWidth from "string-width";

/** What a progress counts. */
type Unit = "bytes" | "records" | "percent";

/** How far a long command has come. */
export interface Progress {
  /** `done` counts from 0 to the total. */
  update(done: number): void;
  /** Prints a line on stderr without tearing the progress. */
  print(line: string): void;
  stop(): void;
}

interface ProgressOptions {
  /** What is going on, such as `importing`. */
  readonly what: string;
  readonly unit: Unit;
  /** `undefined` when it is not known how much there is. */
  readonly total: number | undefined;
  /** What an earlier run had done already. */
  readonly start?: number;
}

/** A moment of a progress. */
export interface Moment extends ProgressOptions {
  readonly done: number;
  /** Since this run began. */
  readonly elapsedMs: number;
}

const redrawMs = 100;
const barColumnsMax = 30;
const barColumnsMin = 8;

/** Shows on stderr how far a command is, how fast, and how long it will take; where that is no terminal, only `print` shows. */
export function startProgress(options: ProgressOptions): Progress {
  const { stderr } = process;
  const write = (line: string) => void stderr.write(`${line}\n`);
  if (!stderr.isTTY) return { update: () => {}, print: write, stop: () => {} };
  const began = performance.now();
  let done = options.start ?? 0;
  const clear = () => void stderr.write("\r\x1b[K");
  const draw = () => {
    const line = progressLine({ ...options, done, elapsedMs: performance.now() - began }, stderr.columns || 80);
    stderr.write(`\r${line}\x1b[K`);
  };
  const timer = setInterval(draw, redrawMs).unref();
  draw();
  return {
    update: (now) => {
      done = now;
    },
    print: (line) => {
      clear();
      write(line);
    },
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** One line that fits into `columns`. */
export function progressLine(moment: Moment, columns: number): string {
  const { what, unit, done, start = 0, elapsedMs } = moment;
  // More than the total was only an estimate of it.
  const total = moment.total !== undefined && done <= moment.total ? moment.total : undefined;
  const perSecond = elapsedMs > 0 ? ((done - start) / elapsedMs) * 1000 : 0;
  const parts = [howFar(unit, done, total)];
  if (perSecond > 0) parts.push(`${amount(unit, perSecond)}/s`);
  if (total === undefined) parts.push(duration(elapsedMs / 1000));
  else if (perSecond > 0) parts.push(`${duration((total - done) / perSecond)} left`);
  const facts = parts.join(", ");
  const room = columns - stringWidth(`${what} [] ${facts}`) - 1;
  if (total === undefined || room < barColumnsMin) return `${what} ${facts}`.slice(0, columns - 1);
  const bar = Math.min(room, barColumnsMax);
  const filled = total === 0 ? bar : Math.floor((done / total) * bar);
  return `${what} [${"=".repeat(filled).padEnd(bar)}] ${facts}`;
}

function howFar(unit: Unit, done: number, total: number | undefined): string {
  if (total === undefined) return amount(unit, done);
  const share = `${total === 0 ? 100 : Math.floor((done / total) * 100)} %`;
  return unit === "percent" ? share : `${share} of ${amount(unit, total)}`;
}

function amount(unit: Unit, count: number): string {
  if (unit === "bytes") return `${(count / 1024 ** 2).toFixed(1)} MiB`;
  if (unit === "percent") return `${count.toFixed(1)} %`;
  return `${Math.round(count)} records`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
