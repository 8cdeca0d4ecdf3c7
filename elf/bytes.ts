/** The longest name taken from a file, in bytes. The kernel itself stops at 512 (KSYM_NAME_LEN). */
export const MAX_NAME_BYTES = 1024;

/** A view on the very same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * An unsigned 64-bit field. Exact up to 2**53; what is larger stays larger than any file,
 * which is all that the bounds checks need.
 */
export function readU64(view: DataView, offset: number, littleEndian: boolean): number {
  const low = view.getUint32(offset + (littleEndian ? 0 : 4), littleEndian);
  const high = view.getUint32(offset + (littleEndian ? 4 : 0), littleEndian);
  return high * 2 ** 32 + low;
}

/**
 * The text from `offset` to the next NUL. Undefined if the offset is outside, no NUL follows,
 * or the text is longer than `limit` bytes.
 */
export function readCString(bytes: Uint8Array, offset: number, limit: number): string | undefined {
  if (offset >= bytes.length) return undefined;
  const end = bytes.subarray(offset, offset + limit + 1).indexOf(0);
  if (end < 0) return undefined;
  return decodeText(bytes.subarray(offset, offset + end));
}

/** UTF-8, with a short cut for the short plain names that nearly all are. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length > 64) return new TextDecoder().decode(bytes);
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) return new TextDecoder().decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
