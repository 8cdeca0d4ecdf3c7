import { SkmsgError } from "../errors/classes.ts";

/** How a key or a value of fixed size is laid out. Multi-byte numbers are in the host's byte order unless the codec's name says otherwise. */
export interface Codec<T> {
  /** Bytes. */
  readonly size: number;
  /** Must not keep the view: its bytes change with the next operation. */
  read(view: DataView, offset: number): T;
  /** @throws CodecError before anything was written, where the value does not fit. */
  write(view: DataView, offset: number, value: T): void;
}

/** The type that a codec reads and writes. */
export type CodecType<C> = C extends Codec<infer T> ? T : never;

/**
 * A JavaScript value that a codec cannot write.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_INVALID_TYPE` | a string where a number is wanted, and the like |
 * | `ERR_OUT_OF_RANGE` | a number outside of the type, not whole, NaN |
 * | `ERR_INVALID_SIZE` | bytes of another length |
 */
export class CodecError extends SkmsgError {
  override readonly name: string = "CodecError";
}

/** A value in a message: short, on one line. */
export function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object" && value !== null) return `an object (${value.constructor?.name ?? "no prototype"})`;
  if (typeof value === "function") return "a function";
  return String(value);
}
