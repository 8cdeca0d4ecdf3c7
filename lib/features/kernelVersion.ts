import { existsSync } from "node:fs";
import { release } from "node:os";
import { readProc } from "../proc.ts";

/** The running kernel's version, for sentences and for `kern_version`; never to decide what it can do. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** `KERNEL_VERSION(major, minor, patch)`; the patch is capped at 255 as the kernel's macro does. */
  readonly code: number;
  toString(): string;
}

let known: KernelVersion | undefined;

/** uname(2)'s release, or Ubuntu's and Debian's own word where the release hides the patch level. */
export function kernelVersion(): KernelVersion {
  known ??= read();
  return known;
}

function read(): KernelVersion {
  const [, major = "0", minor = "0", patch = "0"] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(signature() ?? release()) ?? [];
  const numbers = { major: Number(major), minor: Number(minor), patch: Number(patch) };
  return {
    ...numbers,
    code: (numbers.major << 16) | (numbers.minor << 8) | Math.min(numbers.patch, 255),
    toString: () => `${major}.${minor}.${patch}`,
  };
}

/** `Ubuntu 5.15.0-91.101-generic 5.15.131` in /proc/version_signature; `Debian 5.10.223-1` in /proc/version. */
function signature(): string | undefined {
  const ubuntu = "/proc/version_signature";
  if (existsSync(ubuntu)) return readProc(ubuntu).trim().split(" ").at(-1);
  return /Debian (\d+\.\d+\.\d+)/.exec(readProc("/proc/version"))?.[1];
}
