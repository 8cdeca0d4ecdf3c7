import { SyscallError } from "./errors.ts";
import { numbers, syscall } from "./ffi.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** include/uapi/asm-generic/resource.h */
const RLIMIT_MEMLOCK = 8;
const RLIM_INFINITY = 2n ** 64n - 1n;

/** RLIMIT_MEMLOCK in bytes; `Infinity` for unlimited. Kernels before 5.11 count BPF memory against it. */
export interface MemoryLock {
  readonly soft: number;
  readonly hard: number;
}

/** prlimit64(2) of this process. @throws SyscallError */
export function memoryLock(): MemoryLock {
  const old = new Memory(16);
  prlimit(0, old.address);
  return {
    soft: toNumber(old.view.getBigUint64(0, littleEndian)),
    hard: toNumber(old.view.getBigUint64(8, littleEndian)),
  };
}

/** @throws SyscallError `EPERM` where the hard limit would rise without CAP_SYS_RESOURCE. */
export function setMemoryLock(limit: MemoryLock): void {
  const wanted = new Memory(16);
  wanted.view.setBigUint64(0, toRlimit(limit.soft), littleEndian);
  wanted.view.setBigUint64(8, toRlimit(limit.hard), littleEndian);
  prlimit(wanted.address, 0);
}

function prlimit(wanted: number, old: number): void {
  const result = syscall(numbers().prlimit64, 0, RLIMIT_MEMLOCK, wanted, old);
  if (result < 0) throw new SyscallError("prlimit64", -result);
}

function toNumber(value: bigint): number {
  return value === RLIM_INFINITY ? Number.POSITIVE_INFINITY : Number(value);
}

function toRlimit(value: number): bigint {
  return value === Number.POSITIVE_INFINITY ? RLIM_INFINITY : BigInt(value);
}
