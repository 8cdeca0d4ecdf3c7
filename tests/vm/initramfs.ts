/** One archive for all kernels of an architecture: the guest's whole file system. */

import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, copyFileSync, cpSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stageNative } from "./app.ts";
import { findCommand } from "./commands.ts";
import type { Architecture } from "./kernels.ts";
import { stageRuntime } from "./runtime.ts";

const TEXTS: Readonly<Record<string, string>> = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
  group: "root:x:0:\nnogroup:x:65534:\n",
  hosts: "127.0.0.1 localhost vm\n::1 localhost\n",
  "nsswitch.conf": "hosts: files\n",
};

export interface InitramfsParts {
  readonly repository: string;
  /** The compiled project, as `stageApp` left it. */
  readonly app: string;
  readonly files: readonly string[];
  /** A folder of ours for what lies in between. */
  readonly scratch: string;
}

/** Gives the archive's path. */
export function buildInitramfs(architecture: Architecture, parts: InitramfsParts): string {
  const root = join(parts.scratch, `root-${architecture.node}`);
  mkdirSync(join(root, "etc"), { recursive: true });
  stageRuntime(architecture, root);
  const app = join(root, "app");
  cpSync(parts.app, app, { recursive: true });
  stageNative(parts.repository, app, architecture);
  writeFileSync(join(app, "vm-files"), parts.files.map((file) => `${file}\n`).join(""));
  for (const [name, text] of Object.entries(TEXTS)) {
    writeFileSync(join(root, "etc", name), text);
  }
  copyFileSync(join(parts.repository, "tests", "vm", "guest", "init"), join(root, "init"));
  chmodSync(join(root, "init"), 0o755);
  return pack(root, join(parts.scratch, `initramfs-${architecture.node}.cpio`));
}

/** Not compressed: an emulated processor unpacks slower than the emulator copies. */
function pack(root: string, archive: string): string {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).toSorted();
  const output = openSync(archive, "w");
  try {
    const { status, stderr } = spawnSync(findCommand("cpio") ?? "cpio", ["-o", "-H", "newc", "-R", "0:0", "--quiet"], {
      cwd: root,
      input: [".", ...names].map((name) => `${name}\n`).join(""),
      stdio: ["pipe", output, "pipe"],
      encoding: "utf8",
    });
    if (status !== 0) {
      throw new Error(`cpio failed: ${stderr}`);
    }
  } finally {
    closeSync(output);
  }
  return archive;
}
