/** The longest name taken from a file, in bytes. The kernel itself stops at 512 (KSYM_NAME_LEN). */
export const MAX_NAME_BYTES = 1024;

/** Up to here a name is read byte by byte. */
const PLAIN_BYTES = 64;

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
  let text = "";
  for (let at = offset; at < bytes.length && at <= offset + limit; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return text;
    // Nearly all names are short and plain, and a decoder costs more than they do.
    if (byte > 0x7f || text.length === PLAIN_BYTES) return readLongText(bytes, offset, limit);
    text += String.fromCharCode(byte);
  }
  return undefined;
}

function readLongText(bytes: Uint8Array, offset: number, limit: number): string | undefined {
  const text = bytes.subarray(offset, offset + limit + 1);
  const end = text.indexOf(0);
  return end < 0 ? undefined : decodeText(text.subarray(0, end));
}

/** UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
