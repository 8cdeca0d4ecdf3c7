import { readdirSync, readlinkSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { textUntilNul } from "./attr.ts";
import { ENOENT, Errno, errnoName } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import { numbers, syscall } from "./ffi.ts";
import { Memory } from "./memory.ts";

/** include/uapi/linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;

/** Where libbpf, bpftool and systemd expect bpffs. */
export const DEFAULT_BPFFS = "/sys/fs/bpf";

/** Whether the path, which must exist, is on a BPF file system. @throws the error of statfs(2) */
export function isBpffs(path: string): boolean {
  return statfsSync(path).type === BPF_FS_MAGIC;
}

/** mount(2) of a new, empty BPF file system on an existing folder; needs CAP_SYS_ADMIN. @throws SyscallError */
export function mountBpffs(path: string = DEFAULT_BPFFS): void {
  const bpf = Memory.cString("bpf");
  const target = Memory.cString(path);
  const result = syscall(numbers().mount, bpf.address, target.address, bpf.address, 0, 0);
  // Naming them also keeps them reachable until here.
  if (result < 0)
    throw new SyscallError("mount", -result, {
      message: `mount -t ${textUntilNul(bpf.bytes)} bpf ${textUntilNul(target.bytes)} failed: ${errnoName(-result)}`,
    });
}

/** umount2(2). @throws SyscallError */
export function unmountBpffs(path: string = DEFAULT_BPFFS): void {
  const target = Memory.cString(path);
  const result = syscall(numbers().umount2, target.address, 0);
  if (result < 0)
    throw new SyscallError("umount2", -result, {
      message: `umount ${textUntilNul(target.bytes)} failed: ${errnoName(-result)}`,
    });
}

/**
 * Paths of every pinned object below a folder of a BPF file system, sorted. What vanishes meanwhile is passed over, and so
 * is what has a dot in its name: the kernel's own `maps.debug` and `progs.debug` (CONFIG_BPF_PRELOAD), as nobody else may have one.
 */
export function* walkBpffs(folder: string): Generator<string, void, undefined> {
  let entries: ReturnType<typeof readFolder>;
  try {
    entries = readFolder(folder);
  } catch (error) {
    const name = error instanceof Error && "code" in error ? String(error.code) : "EIO";
    if (name === "ENOENT") return;
    throw new SyscallError("readdir", Errno[name] ?? 0, { message: `Cannot read ${folder}: ${name}`, cause: error });
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walkBpffs(path);
    else if (entry.isFile() && !entry.name.includes(".")) yield path;
  }
}

function readFolder(folder: string): import("node:fs").Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What an fd is, by the name of its anonymous inode. */
export type ObjectKind = "prog" | "map" | "link" | "btf" | "other";

/** The kernel writes `bpf-link`, older ones `bpf_link` (kernel/bpf/syscall.c). */
const KINDS: Readonly<Record<string, ObjectKind>> = {
  "anon_inode:bpf-prog": "prog",
  "anon_inode:bpf-map": "map",
  "anon_inode:bpf-link": "link",
  "anon_inode:bpf_link": "link",
  "anon_inode:btf": "btf",
};

/** @throws SyscallError `ENOENT` where /proc is not mounted or the fd not open. */
export function objectKind(fd: number): ObjectKind {
  try {
    return KINDS[readlinkSync(`/proc/self/fd/${fd}`).replace(/[[\]]/g, "")] ?? "other";
  } catch (cause) {
    throw new SyscallError("readlink", ENOENT, {
      message: `Cannot tell what fd ${fd} is: /proc/self/fd is not readable.`,
      cause,
    });
  }
}
