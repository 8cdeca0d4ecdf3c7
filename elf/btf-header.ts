import { viewOf } from "./bytes.ts";
import { BtfError } from "./errors.ts";

const MAGIC = 0xeb9f;
const VERSION = 1;
/** `struct btf_header` of linux/btf.h. */
const HEADER_BYTES = 24;

export interface BtfParts {
  readonly littleEndian: boolean;
  /** Byte offset and length of the type records. */
  readonly typesOffset: number;
  readonly typesLength: number;
  /** Byte offset and length of the string section. */
  readonly stringsOffset: number;
  readonly stringsLength: number;
}

/**
 * Reads `struct btf_header`: where the types and the strings are. The magic tells the byte order.
 *
 * @throws BtfError ERR_BTF_MALFORMED
 */
export function readBtfHeader(bytes: Uint8Array, split: boolean): BtfParts {
  if (bytes.length < HEADER_BYTES)
    throw malformed(`its header has ${HEADER_BYTES} bytes and there are ${bytes.length}.`);
  const view = viewOf(bytes);
  const littleEndian = view.getUint16(0, true) === MAGIC;
  if (!littleEndian && view.getUint16(0) !== MAGIC) throw malformed("it does not begin with 0xeb9f.");
  if (view.getUint8(2) !== VERSION)
    throw malformed(`its version is ${view.getUint8(2)}, and only version ${VERSION} is known.`);

  const headerLength = view.getUint32(4, littleEndian);
  const typesOffset = headerLength + view.getUint32(8, littleEndian);
  const typesLength = view.getUint32(12, littleEndian);
  const stringsOffset = headerLength + view.getUint32(16, littleEndian);
  const stringsLength = view.getUint32(20, littleEndian);
  if (headerLength < HEADER_BYTES)
    throw malformed(`its header is said to have ${headerLength} bytes; ${HEADER_BYTES} are needed.`);
  if (typesOffset + typesLength > bytes.length || stringsOffset + stringsLength > bytes.length) {
    throw malformed(
      `its types end at byte ${typesOffset + typesLength} and its strings at ${stringsOffset + stringsLength}, and there are only ${bytes.length} bytes.`,
    );
  }
  const strings = bytes.subarray(stringsOffset, stringsOffset + stringsLength);
  // The strings of a split BTF go on where those of its base end, so only a base begins with the empty string.
  const first = split ? 0 : strings[0];
  if (first !== 0 || (strings.length > 0 && strings[strings.length - 1] !== 0))
    throw malformed("its strings do not begin and end with NUL.");
  return { littleEndian, typesOffset, typesLength, stringsOffset, stringsLength };
}

function malformed(reason: string): BtfError {
  return new BtfError("ERR_BTF_MALFORMED", `This BTF is damaged: ${reason}`);
}
