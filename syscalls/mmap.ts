import { closedFd, SyscallError } from "./errors.ts";
import { mmapCall, munmapCall, viewMemory } from "./ffi.ts";

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;

/** A mapping of an fd. The bytes can only be reached while it is mapped: touching them later would end the process. */
export class Mapping {
  readonly length: number;
  readonly #address: number;
  #bytes: Uint8Array | undefined;

  /**
   * @param length bytes; the kernel rounds up to whole pages.
   * @param flags `MAP_SHARED`, or `MAP_PRIVATE` for files that are only there to be read.
   * @throws SyscallError with mmap(2)'s errno.
   */
  constructor(fd: number, length: number, protection: number, offset = 0, flags: number = MAP_SHARED) {
    const address = mmapCall(length, protection, flags, fd, offset);
    if (address < 0) throw new SyscallError("mmap", -address);
    this.length = length;
    this.#address = address;
    this.#bytes = new Uint8Array(viewMemory(address, length));
  }

  /**
   * Do not keep it past `unmap`.
   * @throws SyscallError `ERR_CLOSED`
   */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) throw closedFd("mmap");
    return this.#bytes;
  }

  /** Again has no effect. */
  unmap(): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    munmapCall(this.#address, this.length);
  }

  [Symbol.dispose](): void {
    this.unmap();
  }
}
