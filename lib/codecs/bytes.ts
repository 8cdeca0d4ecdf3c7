import { type Codec, CodecError, show } from "./codec.ts";

/** Exactly `size` bytes, as a Uint8Array of their own. */
export function bytes(size: number): Codec<Uint8Array> {
  if (!Number.isInteger(size) || size < 0)
    throw new CodecError("ERR_OUT_OF_RANGE", `bytes(${show(size)}): the size must be a whole number of bytes.`);
  return {
    size,
    read: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
    write(view, offset, value) {
      if (!(value instanceof Uint8Array))
        throw new CodecError("ERR_INVALID_TYPE", `bytes(${size}) wants a Uint8Array, and got ${show(value)}.`);
      if (value.length !== size)
        throw new CodecError("ERR_INVALID_SIZE", `bytes(${size}) wants ${size} bytes, and got ${value.length}.`);
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
    },
  };
}
