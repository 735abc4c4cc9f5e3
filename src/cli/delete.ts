import { exitCodes } from "./failure.ts";
import { type Client, keyQuery, refusal } from "./http.ts";
import { entityTag } from "./put.ts";

/** Deletes a key. That it was not there is no failure, and is said where the server knows. */
export async function deleteKey(client: Client, key: string, options: { ifMatch?: string }): Promise<number> {
  const response = await client.request("/kv", {
    method: "DELETE",
    query: keyQuery(key),
    headers: options.ifMatch === undefined ? {} : { "If-Match": entityTag(options.ifMatch) },
  });
  if (!response.ok) throw await refusal(`delete ${key}`, response);
  process.stdout.write(response.headers.get("Kvasir-Existed") === "false" ? "was not there\n" : "deleted\n");
  return exitCodes.done;
}
