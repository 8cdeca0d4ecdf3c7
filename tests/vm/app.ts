/**
 * The project as a guest sees it, in `/app`: the compiled tree with the repository's own shape, so that
 * a test's `../../syscalls/fd.ts` and the library behind its `import "skmsg"` are the same modules.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { attempt } from "./commands.ts";
import type { Architecture } from "./kernels.ts";
import { npmPackage, packageVersion } from "./runtime.ts";

/** What tests import besides the library's own dependencies. Pure JavaScript, or it would need care for arm64. */
const TEST_DEPENDENCIES: readonly string[] = ["fast-check"];

const SOURCE_FOLDERS = ["lib", "syscalls", "elf", "examples", "tests"];

interface Manifest {
  readonly exports?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Built {
  /** Complaints of the compiler. They do not stop a run: `npm run typecheck` is there to fail. */
  readonly complaints: string;
}

/** Compiles and lays out everything that is the same on each architecture. */
export function stageApp(repository: string, app: string): Built {
  mkdirSync(app, { recursive: true });
  const compiler = join(repository, "node_modules", "typescript", "bin", "tsc");
  const project = join(repository, "tests", "vm", "tsconfig.json");
  const { ok, text } = attempt(process.execPath, [compiler, "-p", project, "--outDir", app]);
  if (!existsSync(join(app, "tests", "vm", "guest", "reporter.js"))) {
    throw new Error(`the compiler wrote nothing:\n${text}`);
  }
  for (const folder of SOURCE_FOLDERS) {
    copyData(join(repository, folder), join(app, folder));
  }
  const manifest: Manifest = readJson(join(repository, "package.json"));
  // The sources' own shape, in place of dist/.
  const exports: unknown = JSON.parse(JSON.stringify(manifest.exports ?? {}).replaceAll('"./dist/', '"./'));
  writeFileSync(join(app, "package.json"), JSON.stringify({ ...manifest, exports }, undefined, 2));
  for (const name of [...Object.keys(manifest.dependencies ?? {}), ...TEST_DEPENDENCIES]) {
    copyPackage(repository, app, name);
  }
  stageLoader(app);
  return { complaints: ok ? "" : text };
}

/** koffi's binary is a package of its own for each architecture; npm has installed only this machine's. */
export function stageNative(repository: string, app: string, architecture: Architecture): void {
  const name = `@koromix/koffi-linux-${architecture.node}`;
  const target = join(app, "node_modules", name);
  if (!existsSync(target)) {
    const version = packageVersion(join(repository, "node_modules", "koffi"));
    cpSync(npmPackage(name, version), target, { recursive: true });
  }
}

/** Objects, maps, texts: all that the compiler does not write itself, at the same relative paths. */
function copyData(from: string, to: string): void {
  for (const entry of existsSync(from) ? readdirSync(from, { withFileTypes: true, recursive: true }) : []) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !entry.name.endsWith(".ts") && !path.includes("node_modules")) {
      const target = join(to, path.slice(from.length));
      mkdirSync(dirname(target), { recursive: true });
      cpSync(path, target);
    }
  }
}

function copyPackage(repository: string, app: string, name: string): void {
  const source = join(repository, "node_modules", name);
  const target = join(app, "node_modules", name);
  if (!existsSync(source) || existsSync(target)) {
    return;
  }
  cpSync(source, target, {
    recursive: true,
    // Sources in C, maps and types are of no use there, and the guest's memory holds each file twice.
    filter: (path) => statSync(path).isDirectory() || !/\.(map|[cm]?ts|c|cc|hh|h|md|S|asm)$/.test(path),
  });
  const manifest: Manifest = readJson(join(source, "package.json"));
  for (const next of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    copyPackage(repository, app, next);
  }
}

/** Tests that start a program of their own say `--import tsx`. Here that means: take the compiled file. */
function stageLoader(app: string): void {
  const folder = join(app, "node_modules", "tsx");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "name": "tsx", "type": "module", "exports": "./index.js" }\n');
  writeFileSync(join(folder, "index.js"), 'import "../../tests/vm/guest/tsx.js";\n');
}

function readJson<T>(path: string): T {
  const value: T = JSON.parse(readFileSync(path, "utf8"));
  return value;
}
