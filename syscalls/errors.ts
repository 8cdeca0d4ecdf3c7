import { EBADF, ENOSYS, errnoName } from "./errno.ts";

/** A system call that the kernel refused. */
export class SyscallError extends Error {
  override readonly name: string = "SyscallError";
  /** `ERR_SYSCALL`, or `ERR_UNSUPPORTED_PLATFORM` or `ERR_CLOSED` where the kernel was never asked. */
  readonly code: string;
  /** Positive Linux errno. */
  readonly errno: number;
  /** Such as `"EBUSY"`. */
  readonly errnoName: string;
  /** Such as `"BPF_LINK_CREATE"`, or the name of another system call. */
  readonly command: string;

  constructor(command: string, errno: number, options: { message?: string; code?: string; cause?: unknown } = {}) {
    super(
      options.message ?? `${command} failed: ${errnoName(errno)}`,
      "cause" in options ? { cause: options.cause } : {},
    );
    this.code = options.code ?? "ERR_SYSCALL";
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.command = command;
  }

  static {
    // The mark by which `SkmsgError` of the object model knows the errors of every folder, and of a second copy of the package.
    Object.defineProperty(this.prototype, Symbol.for("skmsg.error"), { value: true });
  }
}

/** BPF_PROG_LOAD refused, with what the verifier wrote (empty where it wrote nothing). */
export class ProgLoadError extends SyscallError {
  override readonly name: string = "ProgLoadError";
  /** Text of the verifier's log, at most 16 MiB; of a longer one the end, or before Linux 6.4 the reason without the instructions. */
  readonly log: string;

  constructor(errno: number, log: string) {
    super("BPF_PROG_LOAD", errno);
    this.log = log;
  }
}

export function unsupportedPlatform(what: string, cause?: unknown): SyscallError {
  return new SyscallError("bpf", ENOSYS, {
    message: `${what} Only "skmsg/elf" works here; programs and maps need Linux on an architecture that koffi supports (x64, arm64, arm, riscv64, ppc64, loong64).`,
    code: "ERR_UNSUPPORTED_PLATFORM",
    ...(cause === undefined ? {} : { cause }),
  });
}

export function closedFd(what: string): SyscallError {
  return new SyscallError(what, EBADF, {
    message: `${what}: this file descriptor has been closed.`,
    code: "ERR_CLOSED",
  });
}
