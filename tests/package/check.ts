/**
 * The package as its users get it: packs it, looks at it with publint and attw, installs the tarball in an empty folder
 * without dev dependencies, and runs the README's JavaScript there with plain Node.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeBlocks } from "../support/markdown.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "skmsg-package-"));

function run(command: string, args: readonly string[], cwd: string): string {
  console.log(`$ ${command} ${args.join(" ")}`);
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`Not so: ${what}`);
  console.log(`ok: ${what}`);
}

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

try {
  const output = run("npm", ["pack", "--json", "--pack-destination", folder], root);
  // npm prints what the prepack script wrote before its own JSON.
  const [packed] = JSON.parse(output.slice(output.indexOf("[\n"))) as [Packed]; // the shape npm documents
  const maps = packed.files.filter(({ path }) => path.endsWith(".map")).reduce((sum, { size }) => sum + size, 0);
  console.log(`unpacked: ${packed.unpackedSize} bytes, of them ${maps} source maps`);
  check(
    "no test, fixture or TypeScript source of the library is packed",
    packed.files.every(({ path }) => /^(dist|examples)\/|^[A-Z]+(\.md)?$|^package\.json$/.test(path)),
  );

  const tarball = join(folder, packed.filename);
  run("npx", ["--no-install", "publint", "--strict", tarball], root);
  run("npx", ["--no-install", "attw", tarball, "--profile", "esm-only"], root);

  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true, type: "module" }));
  run("npm", ["install", "--omit=dev", "--no-audit", "--no-fund", tarball], folder);
  const dependencies = Object.keys(
    JSON.parse(run("npm", ["ls", "--json", "--all", "--omit=dev"], folder)).dependencies.skmsg.dependencies ?? {},
  );
  check(`koffi is the only runtime dependency (${dependencies.join(", ")})`, dependencies.join() === "koffi");

  const example = codeBlocks(join(root, "README.md")).find(({ language }) => language === "js");
  check("the README has an example in JavaScript", example !== undefined);
  writeFileSync(join(folder, "example.js"), example?.text ?? "");
  if (process.getuid?.() === 0) {
    const said = run(process.execPath, ["example.js"], folder);
    check(
      "the README's example runs on plain Node, and its program saw the message",
      said === "the program saw 1 message\n",
    );
  } else console.log("skipped: the README's example needs root");
  writeFileSync(join(folder, "elf.js"), 'import { ElfObject } from "skmsg/elf"; console.log(typeof ElfObject.parse);');
  check('"skmsg/elf" can be imported alone', run(process.execPath, ["elf.js"], folder) === "function\n");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
