import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** `false`, or why tests that need certificates are skipped. */
export const noOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return false;
  } catch {
    return "needs the program openssl to make certificates";
  }
})();

export interface Authority {
  readonly folder: string;
  readonly caFile: string;
  /** Makes `NAME.pem` and `NAME.key`, signed by the authority, with alternative names such as `IP:127.0.0.1`. */
  sign(name: string, names: string): { readonly certFile: string; readonly keyFile: string };
  remove(): void;
}

/** A certificate authority for one test file, in a folder of its own. */
export function newAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "kvasir-ca-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(...request, "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem");
  chmodSync(folder, 0o755);
  return {
    folder,
    caFile: join(folder, "ca.pem"),
    sign(name, names) {
      openssl(...request, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
      writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`);
      const sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
      openssl(...sign, "-extfile", `${name}.ext`, "-in", `${name}.csr`, "-out", `${name}.pem`);
      // A database server reads them as a user of its own.
      for (const part of ["pem", "key"]) chmodSync(join(folder, `${name}.${part}`), 0o644);
      return { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
