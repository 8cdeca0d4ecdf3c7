/** Other programs: finding them, running them, and saying plainly which Debian package is not there. */

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Something outside this repository is absent. It is no failure of a test, and has its own exit code. */
export class MissingError extends Error {
  override readonly name = "MissingError";
}

export interface Command {
  readonly command: string;
  readonly debianPackage: string;
}

/** Finds a program on PATH, or where Debian keeps those of the administrator. */
export function findCommand(command: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).concat("/usr/sbin", "/sbin", "/usr/bin", "/bin");
  for (const folder of folders) {
    if (folder === "") {
      continue;
    }
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** All that is missing in one sentence, so that one apt-get mends it. */
export function needCommands(commands: readonly Command[]): void {
  const missing = commands.filter(({ command }) => findCommand(command) === undefined);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
    throw new MissingError(
      `missing: ${missing.map(({ command }) => command).join(", ")}; try: apt-get install ${packages.join(" ")}`,
    );
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
}

export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams, for people. */
  readonly text: string;
}

/** Runs to the end and tells the outcome; does not throw on failure. */
export function attempt(command: string, args: readonly string[], options: RunOptions = {}): Outcome {
  const result = spawnSync(findCommand(command) ?? command, args, {
    ...options,
    encoding: "utf8",
    maxBuffer: 256 << 20,
    // A translated message or number format cannot be parsed.
    env: { ...process.env, LC_ALL: "C" },
  });
  const stdout = result.stdout ?? "";
  const text = `${result.error?.message ?? ""}${stdout}${result.stderr ?? ""}`.trim();
  return { ok: result.status === 0, stdout, text };
}

/** Runs to the end, gives standard output, throws on failure with the last lines printed. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): string {
  const outcome = attempt(command, args, options);
  if (!outcome.ok) {
    const tail = outcome.text.split("\n").slice(-15).join("\n");
    throw new Error(`${command} ${args.join(" ")} failed:\n${tail}`);
  }
  return outcome.stdout;
}
