import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { exposureWarnings } from "../config/exposure.ts";
import { type ConfigSources, loadServerAddress } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { isTokenText } from "../token.ts";
import { CommandFailure } from "./failure.ts";

interface RequestOptions {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  readonly query?: { readonly [name: string]: string | undefined };
  readonly headers?: { readonly [name: string]: string };
  readonly body?: Uint8Array<ArrayBuffer> | string;
  readonly signal?: AbortSignal;
}

/** A problem document, as far as commands look at it. */
interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** A server's base URL and the way to ask it. */
export interface Client {
  readonly url: string;
  /** The header field that has the token, if there is one. */
  readonly authorization: { readonly [name: string]: string };
  /**
   * Sends one request and gives the answer, whatever its status.
   *
   * @throws CommandFailure when there is no answer.
   */
  request(path: string, options?: RequestOptions): Promise<Response>;
}

/** Which server to talk to, as the flags say it. */
export interface ServerFlags {
  readonly url?: string;
  readonly tokenFile?: string;
}

/**
 * A client for the server at `url`, else at `KVASIR_URL`, else where the configuration says that it listens. It sends
 * the token of `tokenFile`, else that of `KVASIR_TOKEN`: never one from the command line, which other users can see.
 *
 * @throws ConfigError for a URL that is none, and a token that cannot be read or is none.
 */
export function connect({ url, tokenFile }: ServerFlags, sources: ConfigSources, urlLabel = "--url"): Client {
  const [given, label] = url !== undefined ? [url, urlLabel] : [sources.env.KVASIR_URL, "KVASIR_URL"];
  const base = given ? checkUrl(given, label) : configuredUrl(sources);
  const token = readToken(tokenFile, sources);
  const authorization: { [name: string]: string } = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const send: Client["request"] = (path, options = {}) =>
    request(base, path, { ...options, headers: { ...options.headers, ...authorization } });
  return { url: base, authorization, request: send };
}

function readToken(file: string | undefined, { env, cwd }: ConfigSources): string | undefined {
  if (file === undefined) return checkToken(env.KVASIR_TOKEN || undefined, "KVASIR_TOKEN");
  try {
    const path = resolve(cwd, file);
    const token = checkToken(readFileSync(path, "utf8").trim(), `--token-file: ${file}`);
    for (const warning of exposureWarnings("--token-file", path)) process.stderr.write(`kvasir: ${warning}\n`);
    return token;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`--token-file: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function checkToken(text: string | undefined, label: string): string | undefined {
  if (text === undefined || isTokenText(text)) return text;
  throw new ConfigError(`${label}: expected a token as kvasir token create prints it, got something else`);
}

/** The parameter that names any key: in a path, `fetch` would fold `.` and `..`. */
export function keyQuery(key: string): { readonly key: string } {
  return { key };
}

/** What a refusal says. */
async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text();
  // As text, for whoever asked for that.
  const [, plainCode, plainDetail] = /^[0-9]{3} (\w+): .*\n(.*)\n/.exec(text) ?? [];
  if (plainCode !== undefined) return { status: response.status, code: plainCode, detail: plainDetail! };
  try {
    const { code, detail } = JSON.parse(text) as Partial<Problem>;
    if (typeof code === "string") return { status: response.status, code, detail: detail ?? "" };
  } catch {
    // Something between here and the server may have answered, in words of its own.
  }
  const detail = `${response.url.split("?")[0]} answered "${response.statusText || text.slice(0, 80)}"; is it a Kvasir server?`;
  return { status: response.status, code: "unexpected_answer", detail };
}

/** The failure that a command ends with after a refusal. */
export async function refusal(what: string, response: Response): Promise<CommandFailure> {
  const { status, code, detail } = await readProblem(response);
  const mend = status === 401 ? "; commands take the token from KVASIR_TOKEN or --token-file" : "";
  return new CommandFailure(`${what}: ${status} ${code}: ${detail}${mend}`);
}

async function request(base: string, path: string, options: RequestOptions): Promise<Response> {
  const { method = "GET", query = {}, headers, body, signal } = options;
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join("&");
  try {
    return await fetch(`${base}${path}${search === "" ? "" : `?${search}`}`, {
      method,
      headers: headers ?? {},
      body: body ?? null,
      redirect: "error",
      signal: signal ?? null,
    });
  } catch (error) {
    const found = reason(error);
    const mend = untrusted.test(found)
      ? "its certificate is not trusted here, or not for this host; NODE_EXTRA_CA_CERTS=ca.pem adds an authority"
      : "start kvasir serve, or give its address with --url";
    throw new CommandFailure(`${base} does not answer (${found}); ${mend}`);
  }
}

/** In the codes of errors that Node gives to certificates. */
const untrusted = /CERT|SIGNATURE|ISSUER/;

function reason(error: unknown): string {
  const cause = (error as Error).cause as (NodeJS.ErrnoException & { errors?: Error[] }) | undefined;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

function checkUrl(text: string, label: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.username !== "") {
    throw new ConfigError(`${label}: expected http://HOST:PORT, got ${JSON.stringify(text)}`);
  }
  return url.href.replace(/\/$/, "");
}

function configuredUrl(sources: ConfigSources): string {
  const { host, port, isTls } = loadServerAddress(sources);
  return listeningUrl(host, port, isTls);
}

/** How a client on this machine reaches a server that listens there. */
export function listeningUrl(host: string, port: number, isTls: boolean): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http${isTls ? "s" : ""}://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
