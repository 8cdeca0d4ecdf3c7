import { SyscallError } from "../../syscalls/index.ts";

/**
 * Every error of this package: what was asked, what the kernel answered, why that usually is, what to do.
 * `instanceof SkmsgError` also holds for the errors of `skmsg/elf` and `skmsg/syscalls`, and of another copy of the package.
 */
export class SkmsgError extends Error {
  override readonly name: string = "SkmsgError";
  /** Stable, begins with `ERR_`. */
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** Name of the errno with which the kernel refused, such as `"EBUSY"`; undefined where it was not asked. */
  get errnoName(): string | undefined {
    return this.cause instanceof SyscallError ? this.cause.errnoName : undefined;
  }

  /** The positive errno, or undefined. */
  get errno(): number | undefined {
    return this.cause instanceof SyscallError ? this.cause.errno : undefined;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass keeps the ordinary meaning; the base knows the whole family by its mark.
    if (this !== SkmsgError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && Symbol.for("skmsg.error") in value;
  }

  static {
    Object.defineProperty(this.prototype, Symbol.for("skmsg.error"), { value: true });
  }
}

/** Loading, running and finding programs. */
export class ProgramError extends SkmsgError {
  override readonly name: string = "ProgramError";
}

/** Creating maps, and their elements. */
export class MapError extends SkmsgError {
  override readonly name: string = "MapError";
}

/** Attaching, detaching and updating. */
export class LinkError extends SkmsgError {
  override readonly name: string = "LinkError";
}

/** bpffs. */
export class PinError extends SkmsgError {
  override readonly name: string = "PinError";
}

/** A class of the above. */
export type ErrorFamily = new (code: string, message: string, options?: { cause?: unknown }) => SkmsgError;
