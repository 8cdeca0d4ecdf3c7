import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));

/** What there is to measure, in a temporary folder. */
export interface Built {
  readonly folder: string;
  /** The C side, or why there is none. */
  readonly peer: string | { readonly missing: string };
}

/** Runs a program to its end and gives what it printed. @throws with its last words */
export function run(command: string, args: readonly string[], cwd: string = root): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `${stderr}${stdout}`.trim()}`);
  return stdout;
}

/** Builds the package, the JavaScript side, which finds the package by its name and runs on plain Node, and the C side. */
export function build(): Built {
  const folder = mkdtempSync(join(tmpdir(), "skmsg-bench-"));
  installPackage(folder);
  buildSubject(folder);
  return { folder, peer: buildPeer(folder) };
}

/** As npm would install it; a copy, since another build may come along. */
function installPackage(folder: string): void {
  run("npm", ["run", "build"]);
  const target = join(folder, "node_modules", "skmsg");
  mkdirSync(target, { recursive: true });
  for (const name of ["dist", "package.json"]) cpSync(join(root, name), join(target, name), { recursive: true });
  symlinkSync(join(root, "node_modules", "koffi"), join(folder, "node_modules", "koffi"));
}

function buildSubject(folder: string): void {
  const source = join(here, "subject");
  const files = readdirSync(source).map((name) => join(source, name));
  // No loader and no type stripping at run time; types are checked by `npm run typecheck`.
  const options =
    "--ignoreConfig --noCheck --noResolve --module nodenext --target es2022 --rewriteRelativeImportExtensions";
  run("npx", ["--no-install", "tsc", ...options.split(" "), "--rootDir", source, "--outDir", folder, ...files]);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
}

function buildPeer(folder: string): Built["peer"] {
  const path = join(folder, "peer");
  const args = ["-O2", "-Wall", "-o", path, join(here, "peer.c"), "-lbpf"];
  const { status, error, stderr } = spawnSync("gcc", args, { encoding: "utf8" });
  if (error !== undefined) return { missing: "no gcc; try: apt-get install gcc libbpf-dev" };
  if (status === 0) return path;
  const [reason = ""] = stderr.split("\n").filter((line) => /error|cannot find/.test(line));
  return { missing: `gcc cannot build the C side (${reason.trim()}); try: apt-get install libbpf-dev` };
}
