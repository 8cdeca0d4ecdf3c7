import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { mountBpffs, unmountBpffs } from "skmsg/syscalls";

/** Whether the tests run in a small emulated machine, about ten times slower: loops can be shorter there. */
export const inVm: boolean = process.env.SKMSG_VM === "1";

/** True or the reason, for the `skip` option of a test: kernel tests need root on Linux. */
export const skipWithoutRoot: false | string =
  process.platform === "linux" && process.getuid?.() === 0 ? false : "needs root on Linux";

/** The running kernel as a number to compare in skips only: 6.10 is 610, 5.4 is 504. */
export const kernel: number = (() => {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(release()) ?? [];
  return Number(major) * 100 + Number(minor);
})();

/** A reason to skip below a kernel version such as `"6.10"`. */
export function skipBelow(version: string): false | string {
  const [major, minor] = version.split(".").map(Number);
  return kernel >= (major ?? 0) * 100 + (minor ?? 0) ? skipWithoutRoot : `needs Linux ${version}`;
}

/** A reason to skip where a program is not installed. */
export function skipWithout(command: string): false | string {
  const found = spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
  return found ? skipWithoutRoot : `needs ${command}`;
}

/** A BPF file system of its own for a test file, unmounted at the end; undefined without root. */
export function ownBpffs(): string {
  const folder = mkdtempSync(join(tmpdir(), "skmsg-bpffs-"));
  if (skipWithoutRoot) return folder;
  mountBpffs(folder);
  after(() => {
    unmountBpffs(folder);
    rmdirSync(folder);
  });
  return folder;
}

/** bpftool's JSON. @throws with what it wrote to stderr */
export function bpftool(...args: string[]): unknown {
  const stdout = bpftoolText("-j", ...args);
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}

/** bpftool's text. @throws with what it wrote to stderr */
export function bpftoolText(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("bpftool", args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`bpftool ${args.join(" ")}: ${stderr || stdout}`);
  return stdout;
}

/** A field of /proc/self/status. */
export function procStatus(field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1];
}
