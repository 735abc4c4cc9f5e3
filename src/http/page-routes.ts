import { StoreError } from "../errors.ts";
import { parseAccept, qualityOf } from "./accept.ts";
import type { Answer } from "./answer.ts";
import type { Exchange, Route } from "./exchange.ts";
import { docsPage } from "./pages/docs-page.ts";
import { uiFileAt } from "./pages/ui-files.ts";
import { documentHeaders, pagePolicy } from "./representations/rendering.ts";

const aYearSeconds = 31_536_000;
/** Below it compressing saves no packet. */
const compressedBytesMin = 1024;

/** What only browsers ask for: the way in, the API to try, and the files that pages need. */
export const pageRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/",
    access: "open",
    handle: () => ({ status: 303, headers: { Location: "/kv?delimiter=/", "Cache-Control": "no-cache" } }),
  },
  {
    method: "GET",
    path: "/docs",
    access: "open",
    handle: () => ({
      status: 200,
      headers: {
        ...documentHeaders.html,
        // Swagger UI draws its arrows from pictures in its style sheet.
        "Content-Security-Policy": pagePolicy.replace("img-src 'self'", "img-src 'self' data:"),
        "Cache-Control": "no-cache",
      },
      body: docsPage(),
    }),
  },
  { method: "GET", path: "/ui/*", access: "open", handle: uiFile },
];

async function uiFile({ raw }: Exchange): Promise<Answer> {
  const found = uiFileAt(raw.url!.slice("/ui/".length));
  if (found === undefined) throw new StoreError("no_such_page", "there is no such file among those of the pages");
  const { file, isCurrent } = found;
  const isCompressed = file.bytes.length >= compressedBytesMin && takesGzip(raw.headers["accept-encoding"]);
  return {
    status: 200,
    headers: {
      "Content-Type": file.type,
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox",
      // A page of another release, such as that of a front end that was upgraded meanwhile, gets what is here.
      "Cache-Control": isCurrent ? `public, max-age=${aYearSeconds}, immutable` : "no-store",
      Vary: "Accept-Encoding",
      ...(isCompressed && { "Content-Encoding": "gzip" }),
    },
    body: isCompressed ? await file.gzipped() : file.bytes,
  };
}

/** Its members look like those of `Accept`, without a slash. */
function takesGzip(field: string | undefined): boolean {
  const { ranges } = parseAccept((field ?? "").replaceAll(/(^|,)\s*([\w-]+)/g, "$1 encoding/$2"));
  return qualityOf("encoding/gzip", ranges) > 0;
}
