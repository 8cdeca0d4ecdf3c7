/** The folder for what was fetched: outside the repository, shared by its copies, safe to delete. */

import { mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const root: string = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "skmsg-vm");

export function cacheFolder(...parts: readonly string[]): string {
  const folder = join(root, ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Fills a folder and only then gives it its name, so that an interrupted run leaves nothing that
 * looks complete.
 */
export function fillFolder(target: string, fill: (folder: string) => void): void {
  const unfinished = `${target}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    fill(unfinished);
    rmSync(target, { recursive: true, force: true });
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
