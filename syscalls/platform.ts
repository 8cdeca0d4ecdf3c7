import { unsupportedPlatform } from "./errors.ts";

/** System call numbers that this package uses, by name. */
export interface SyscallNumbers {
  readonly bpf: number;
  readonly close: number;
  readonly fcntl: number;
  readonly mount: number;
  readonly umount2: number;
  readonly prlimit64: number;
}

/** arm64, riscv64 and loong64 share include/uapi/asm-generic/unistd.h. */
const GENERIC: SyscallNumbers = { bpf: 280, close: 57, fcntl: 25, mount: 40, umount2: 39, prlimit64: 261 };

/** From each architecture's syscall table in the kernel tree; keys are Node's `process.arch`. */
const NUMBERS: Readonly<Record<string, SyscallNumbers>> = {
  x64: { bpf: 321, close: 3, fcntl: 72, mount: 165, umount2: 166, prlimit64: 302 },
  arm64: GENERIC,
  riscv64: GENERIC,
  loong64: GENERIC,
  ppc64: { bpf: 361, close: 6, fcntl: 55, mount: 21, umount2: 52, prlimit64: 325 },
  s390x: { bpf: 351, close: 6, fcntl: 55, mount: 21, umount2: 52, prlimit64: 334 },
  arm: { bpf: 386, close: 6, fcntl: 55, mount: 21, umount2: 52, prlimit64: 369 },
};

/** Byte order of this machine: true on x64, arm64, riscv64, loong64, arm and ppc64le. */
export const littleEndian: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * The numbers for a platform; by default this process's.
 * @throws SyscallError `ERR_UNSUPPORTED_PLATFORM` where it is not Linux or the architecture has no row.
 */
export function syscallNumbers(platform: string = process.platform, arch: string = process.arch): SyscallNumbers {
  if (platform !== "linux")
    throw unsupportedPlatform(`eBPF is a facility of the Linux kernel, and this is ${platform}.`);
  const numbers = Object.hasOwn(NUMBERS, arch) ? NUMBERS[arch] : undefined;
  if (numbers === undefined) throw unsupportedPlatform(`The system call numbers of ${arch} are not known.`);
  return numbers;
}
