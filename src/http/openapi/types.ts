/** The parts of an OpenAPI 3.1 description that Kvasir uses. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly summary: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly { readonly url: string }[];
  /** Any of them will do; `{}` stands for nothing at all. */
  readonly security: readonly SecurityRequirement[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: { readonly [path: string]: PathItem };
  readonly components: {
    readonly parameters: { readonly [name: string]: Parameter };
    readonly headers: { readonly [name: string]: Header };
    readonly schemas: { readonly [name: string]: Schema };
    readonly responses: { readonly [name: string]: Response };
    readonly securitySchemes: { readonly [name: string]: SecurityScheme };
  };
}

type Method = "get" | "head" | "put" | "post" | "patch" | "delete" | "options";

export type PathItem = { readonly [M in Method]?: Operation };

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  /** Empty where no token is needed. */
  readonly security?: readonly SecurityRequirement[];
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly requestBody?: { readonly description?: string; readonly required: boolean; readonly content: Content };
  readonly responses: { readonly [status: string]: Response | Reference };
}

type SecurityRequirement = { readonly [scheme: string]: readonly string[] };

interface SecurityScheme {
  readonly type: "http";
  readonly scheme: "bearer" | "basic";
  readonly description: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Response {
  readonly description: string;
  readonly headers?: { readonly [name: string]: Header | Reference };
  readonly content?: Content;
}

export interface Header {
  readonly description: string;
  readonly schema: Schema;
}

export type Content = { readonly [mediaType: string]: { readonly schema: Schema | Reference } };

/** JSON Schema 2020-12. */
export type Schema = { readonly [keyword: string]: unknown };

export interface Reference {
  readonly $ref: string;
}

export function reference(kind: keyof OpenApiDocument["components"], name: string): Reference {
  return { $ref: `#/components/${kind}/${name}` };
}
