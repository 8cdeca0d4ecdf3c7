import { Command } from "./constants.ts";
import { numbers, orErrno, type ShortSyscall, shortSyscall } from "./ffi.ts";
import { MAP_ELEM } from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

const ATTR = 32;
/** Bytes up to the value, and up to the flags. By names of their own, as V8 takes these for constants and a layout's numbers not. */
const UP_TO_VALUE: number = MAP_ELEM.value[0];
const UP_TO_FLAGS: number = MAP_ELEM.flags[0];
const align = (size: number): number => (size + 7) & ~7;

/**
 * The element commands of one map: attr, key and value lie in one block whose addresses are taken once,
 * so that an operation writes the key, calls the kernel, and reads the value, and allocates nothing.
 * Every method returns 0 or the negative errno. Not for a closed fd: its number may be somebody else's by then.
 */
export class MapElements {
  /** Kept here: where a system call empties the TLB, each object on the way to the next one costs. */
  readonly #syscall: ShortSyscall = shortSyscall();
  readonly #bpf: number = numbers().bpf;
  readonly #memory: Memory;
  readonly #attr: number;
  readonly #nextAttr: number;
  /** Where a key is written to and, after `nextKey`, read from; exactly the key's size. */
  readonly key: DataView;
  /** Where a value is written to and read from; exactly the value's size. */
  readonly value: DataView;

  /** @param valueSize bytes that a lookup copies out (of a per-CPU map: all CPUs', 8-byte aligned). */
  constructor(mapFd: number, keySize: number, valueSize: number) {
    const keyAt = 2 * ATTR;
    const valueAt = keyAt + align(keySize);
    const memory = new Memory(valueAt + align(valueSize));
    this.#memory = memory;
    this.#attr = memory.address;
    this.#nextAttr = memory.address + ATTR;
    this.key = new DataView(memory.view.buffer, keyAt, keySize);
    this.value = new DataView(memory.view.buffer, valueAt, valueSize);
    for (const attr of [0, ATTR]) {
      memory.view.setUint32(attr + MAP_ELEM.map_fd[0], mapFd, littleEndian);
      // A map without keys (queue, stack, bloom filter) wants no address.
      if (keySize > 0) this.#setAddress(attr + MAP_ELEM.key[0], memory.address + keyAt);
    }
    this.#setAddress(MAP_ELEM.value[0], memory.address + valueAt);
    this.#setAddress(ATTR + MAP_ELEM.value[0], memory.address + keyAt);
  }

  /** BPF_MAP_LOOKUP_ELEM from `key` to `value`. */
  lookup(flags = 0): number {
    return this.#run(Command.BPF_MAP_LOOKUP_ELEM, flags);
  }

  /** BPF_MAP_UPDATE_ELEM of `key` with `value`. */
  update(flags: number): number {
    return this.#run(Command.BPF_MAP_UPDATE_ELEM, flags);
  }

  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM (queues and stacks 4.20, hashes 5.14). */
  lookupAndDelete(flags = 0): number {
    return this.#run(Command.BPF_MAP_LOOKUP_AND_DELETE_ELEM, flags);
  }

  /** BPF_MAP_DELETE_ELEM of `key`. */
  delete(): number {
    // The command knows no flags: a size that ends before them.
    return orErrno(this.#syscall(this.#bpf, Command.BPF_MAP_DELETE_ELEM, this.#attr, UP_TO_VALUE));
  }

  /** BPF_MAP_GET_NEXT_KEY: puts the first key into `key`. */
  firstKey(): number {
    this.#setAddress(ATTR + MAP_ELEM.key[0], 0);
    const result = orErrno(this.#syscall(this.#bpf, Command.BPF_MAP_GET_NEXT_KEY, this.#nextAttr, UP_TO_FLAGS));
    this.#setAddress(ATTR + MAP_ELEM.key[0], this.#attr + 2 * ATTR);
    return result;
  }

  /** BPF_MAP_GET_NEXT_KEY: puts the key after `key` into `key`; the kernel reads the one before it writes the other. */
  nextKey(): number {
    return orErrno(this.#syscall(this.#bpf, Command.BPF_MAP_GET_NEXT_KEY, this.#nextAttr, UP_TO_FLAGS));
  }

  #run(command: number, flags: number): number {
    // Without flags, a size that ends before them: the kernel takes the rest as zero.
    if (flags === 0) return orErrno(this.#syscall(this.#bpf, command, this.#attr, UP_TO_FLAGS));
    this.#memory.view.setUint32(UP_TO_FLAGS, flags, littleEndian);
    return orErrno(this.#syscall(this.#bpf, command, this.#attr, ATTR));
  }

  #setAddress(offset: number, address: number): void {
    this.#memory.view.setBigUint64(offset, BigInt(address), littleEndian);
  }
}
