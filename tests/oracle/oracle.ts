import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { skipWithoutRoot } from "../support/environment.ts";

/** A program of this folder, built for a test file and removed after it. */
export interface Oracle {
  /** False, or why it cannot be asked. */
  readonly skip: false | string;
  /** A folder for what it is to read. */
  readonly folder: string;
  /** The lines it prints, for lines of input. */
  ask(input: readonly string[]): string[];
}

/** Builds `NAME.c` with Debian's libbpf. */
export function oracle(name: string): Oracle {
  const folder = mkdtempSync(join(tmpdir(), `skmsg-oracle-${name}-`));
  after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
  const { status, error } = spawnSync("gcc", ["-O2", "-Wall", "-o", path, source, "-lbpf"], { stdio: "ignore" });
  const missing = error !== undefined || status !== 0 ? "needs gcc and libbpf-dev" : false;
  return {
    skip: skipWithoutRoot || missing,
    folder,
    ask: (input) => {
      const options = { input: input.join("\n"), encoding: "utf8", maxBuffer: 256 << 20 } as const;
      const { stdout, stderr, status: exit, signal } = spawnSync(path, [], options);
      if (exit !== 0) throw new Error(`${name} ended with ${signal ?? exit}: ${stderr}`);
      return stdout.trimEnd().split("\n");
    },
  };
}
