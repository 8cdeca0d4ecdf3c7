import { createRequire } from "node:module";
import type Koffi from "koffi";
import { unsupportedPlatform } from "./errors.ts";
import { type SyscallNumbers, syscallNumbers } from "./platform.ts";

type Syscall = (nr: number, a: number, b: number, c: number, d: number, e: number, f: number) => number;
/** syscall(2) with room for the arguments of bpf(2) alone: koffi is quicker with at most six. -1 where it fails. */
export type ShortSyscall = (nr: number, a: number, b: number, c: number) => number;
type AsyncCallback = (error: Error | null, result: number) => void;
type AsyncSyscall = (
  nr: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  done: AsyncCallback,
) => void;

interface Libc {
  readonly nr: SyscallNumbers;
  readonly syscall: Syscall;
  readonly shortSyscall: ShortSyscall;
  readonly syscallAsync: AsyncSyscall;
  readonly mmap: (address: number, length: number, prot: number, flags: number, fd: number, offset: number) => number;
  readonly munmap: (address: number, length: number) => number;
  readonly koffi: typeof Koffi;
}

let libc: Libc | undefined;

/** The C library of this process, bound at the first system call, so that an import costs nothing. */
function bind(): Libc {
  if (libc !== undefined) return libc;
  const nr = syscallNumbers();
  const koffi = requireKoffi();
  // `null` is the process itself: its own libc, glibc or musl alike.
  const self = koffi.load(null);
  const long = "long";
  const syscall = self.func("syscall", long, [long, long, long, long, long, long, long]);
  libc = {
    nr,
    koffi,
    syscall,
    shortSyscall: self.func("syscall", long, [long, long, long, long]),
    syscallAsync: syscall.async,
    mmap: self.func("mmap", "intptr_t", ["intptr_t", "size_t", "int", "int", "int", long]),
    munmap: self.func("munmap", "int", ["intptr_t", "size_t"]),
  };
  return libc;
}

function requireKoffi(): typeof Koffi {
  try {
    return createRequire(import.meta.url)("koffi");
  } catch (cause) {
    throw unsupportedPlatform(
      `koffi, which calls libc for this package, has no binary for ${process.platform} ${process.arch} or is not installed.`,
      cause,
    );
  }
}

/** The numbers of this machine. */
export function numbers(): SyscallNumbers {
  return bind().nr;
}

/**
 * syscall(2): the result, or the negative errno.
 * Arguments are integers; an address is a Number (user space ends below 2^53 everywhere).
 */
export function syscall(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): number {
  const bound = libc ?? bind();
  return orErrno(bound.syscall(nr, a, b, c, d, e, f));
}

/** The same on a thread of koffi's pool. Memory behind the addresses must be kept by the caller until it settles. */
export function syscallAsync(nr: number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): Promise<number> {
  const bound = bind();
  return new Promise((resolve, reject) => {
    bound.syscallAsync(nr, a, b, c, d, e, f, (error, result) => {
      if (error !== null) reject(error);
      // koffi hands over the errno of the thread that made the call, valid inside this callback.
      else resolve(result === -1 ? -bound.koffi.errno() : result);
    });
  });
}

/** What `bpf` calls, for those who keep it at hand. */
export function shortSyscall(): ShortSyscall {
  return bind().shortSyscall;
}

/** A result of this thread's last call: itself, or the negative errno for -1. */
export function orErrno(result: number): number {
  return result === -1 ? -bind().koffi.errno() : result;
}

/** bpf(2): the result, or the negative errno. */
export function bpf(command: number, attrAddress: number, attrSize: number): number {
  const bound = libc ?? bind();
  return orErrno(bound.shortSyscall(bound.nr.bpf, command, attrAddress, attrSize));
}

/** Address of an ArrayBuffer's memory, which V8 keeps off its heap and never moves while the buffer lives. */
export function addressOf(buffer: ArrayBuffer): number {
  return Number(bind().koffi.address(buffer));
}

/** mmap(2): the address, or the negative errno. */
export function mmapCall(length: number, prot: number, flags: number, fd: number, offset: number): number {
  const bound = bind();
  const address = bound.mmap(0, length, prot, flags, fd, offset);
  return address === -1 ? -bound.koffi.errno() : address;
}

/** munmap(2): 0, or the negative errno. */
export function munmapCall(address: number, length: number): number {
  const bound = bind();
  return bound.munmap(address, length) === -1 ? -bound.koffi.errno() : 0;
}

/** An ArrayBuffer over foreign memory. It must not be touched once that memory is gone. */
export function viewMemory(address: number, length: number): ArrayBuffer {
  return bind().koffi.view(address, length);
}
