import { addressOf } from "./ffi.ts";

const encoder = new TextEncoder();

/**
 * Memory with an address that the kernel can be given.
 * It is an ArrayBuffer of its own: small typed arrays live on V8's heap and move, so bytes of the caller are copied here first.
 * Whoever passes the address on must hold the object until the system call is over.
 */
export class Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** A Number, valid as long as this object is reachable. */
  readonly address: number;

  /** @param size bytes, zeroed; at least 1 is allocated so that there is an address. */
  constructor(size: number) {
    const buffer = new ArrayBuffer(Math.max(size, 1));
    this.bytes = new Uint8Array(buffer, 0, size);
    this.view = new DataView(buffer, 0, size);
    this.address = addressOf(buffer);
  }

  /** A copy of the bytes. */
  static from(bytes: Uint8Array): Memory {
    const memory = new Memory(bytes.length);
    memory.bytes.set(bytes);
    return memory;
  }

  /** UTF-8 with a closing NUL. */
  static cString(text: string): Memory {
    return Memory.from(encoder.encode(`${text}\0`));
  }
}
