import { errorCodes, type StoreError } from "../../errors.ts";
import type { DocumentFormat } from "../negotiation.ts";
import { problemPage } from "../pages/problem-page.ts";
import { documentHeaders, type Rendering } from "./rendering.ts";
import { xmlDocument, xmlElement, xmlText } from "./xml.ts";

/** Problem details as of RFC 9457, and the error's code, in every format. */
export function renderProblem(format: DocumentFormat, error: StoreError): Rendering {
  return { body: writers[format](problemDocument(error)), headers: { ...documentHeaders[format], ...types[format] } };
}

const types: { readonly [F in DocumentFormat]?: { "Content-Type": string } } = {
  json: { "Content-Type": "application/problem+json" },
  xml: { "Content-Type": "application/problem+xml; charset=utf-8" },
};

type ProblemDocument = ReturnType<typeof problemDocument>;

function problemDocument(error: StoreError) {
  const standard = {
    type: `urn:kvasir:error:${error.code}`,
    title: errorCodes[error.code].title,
    status: error.status,
    detail: error.message,
    code: error.code,
  };
  return { standard, details: Object.entries(error.details).filter(([name]) => !(name in standard)) };
}

const writers = { json: problemJson, xml: problemXml, html: problemHtml, txt: problemText };

function problemJson({ standard, details }: ProblemDocument): string {
  return JSON.stringify({ ...standard, ...Object.fromEntries(details) });
}

/** As in appendix B of RFC 9457: its namespace, and lists of `i`. */
function problemXml({ standard, details }: ProblemDocument): string {
  const members = [...Object.entries(standard), ...details].map(([name, member]) =>
    typeof member === "object"
      ? xmlElement(name, member.map((item) => xmlText("i", item)).join(""))
      : xmlText(name, String(member)),
  );
  return xmlDocument(xmlElement("problem", members.join(""), { xmlns: "urn:ietf:rfc:7807" }));
}

function problemHtml({ standard, details }: ProblemDocument): string {
  return problemPage({ ...standard, details: details.map(([name, member]) => [name, memberText(member)]) });
}

function problemText({ standard, details }: ProblemDocument): string {
  const facts = details.map(([name, member]) => `${name}: ${memberText(member)}\n`);
  return `${standard.status} ${standard.code}: ${standard.title}\n${standard.detail}\n${facts.join("")}`;
}

function memberText(member: string | number | boolean | readonly string[]): string {
  return typeof member === "object" ? member.join(", ") : String(member);
}
