import {
  BPF_ANY,
  E2BIG,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOTSUPP,
  EOPNOTSUPP,
  EPERM,
  MapElements,
  SyscallError,
} from "../../syscalls/index.ts";
import { type Codec, CodecError } from "../codecs/codec.ts";
import { type DefaultValue, defaultCodec } from "../codecs/defaults.ts";
import { MapError } from "../errors/classes.ts";
import { type Reasons, refusal } from "../errors/refusal.ts";
import { BpfMap, type MapOptions } from "./bpfMap.ts";

/** Codecs of a map's elements; what is left out goes by size and BTF. */
export interface Codecs<K, V> {
  readonly key?: Codec<K> | undefined;
  readonly value?: Codec<V> | undefined;
}

const REASONS: Reasons = {
  [ENOENT]: { code: "ERR_NO_SUCH_KEY", why: "The key is not there, and BPF_EXIST asks for one that is." },
  [EEXIST]: { code: "ERR_KEY_EXISTS", why: "The key is there already, and BPF_NOEXIST asks for one that is not." },
  [E2BIG]: {
    code: "ERR_MAP_FULL",
    why: "The map is full, or the index is past its end; max_entries is fixed when the map is made.",
  },
  [EPERM]: { code: "ERR_READ_ONLY", why: "The map is frozen or was opened or made read-only for system calls." },
  [EINVAL]: { code: "ERR_NOT_SUPPORTED", why: "A map of this type does not take these flags or this operation." },
  [EOPNOTSUPP]: { code: "ERR_NOT_SUPPORTED", why: "A map of this type does not know this operation." },
  [ENOTSUPP]: { code: "ERR_NOT_SUPPORTED", why: "A map of this type does not know this operation." },
  [ENOMEM]: { code: "ERR_NO_MEMORY", why: "The kernel has no memory for another element." },
  [EBUSY]: { code: "ERR_BUSY", why: "The element is being changed at this moment; try again." },
  [EBADF]: { code: "ERR_CLOSED", why: "The file descriptor is not open." },
};

/** What differs where the map is read, and not written. */
const READING: Reasons = {
  [EPERM]: { code: "ERR_WRITE_ONLY", why: "The map was made or opened write-only for system calls." },
};
const READS: ReadonlySet<string> = new Set(["BPF_MAP_LOOKUP_ELEM", "BPF_MAP_GET_NEXT_KEY"]);

/**
 * A map of keys and values, used like a JavaScript Map. Without a codec of the user's, keys and values of
 * 1, 2 and 4 bytes are numbers, of 8 bytes bigints, and others Uint8Arrays.
 *
 * An operation on the same map from inside a codec's `read` or `write` would overwrite the bytes in hand.
 */
export abstract class KeyedMap<K = DefaultValue, V = DefaultValue, W = V> extends BpfMap implements Iterable<[K, V]> {
  protected readonly keyCodec: Codec<K>;
  #elements: MapElements | undefined;

  constructor(options: MapOptions & Codecs<K, V>) {
    super(options);
    this.keyCodec = chosenCodec(options.key, this.keySize, options.btf, options.keyTypeId);
    checkSize(this.keyCodec, this.keySize, "key", this.describe());
  }

  /** Decodes the value that a lookup left in `view`. */
  protected abstract readValue(view: DataView): V;
  /** Encodes a value. @throws before anything was written */
  protected abstract writeValue(view: DataView, value: W): void;

  /** Errno reasons where this type means something of its own. */
  protected reasons(): Reasons {
    return REASONS;
  }

  /** The system call block. @throws MapError `ERR_CLOSED` */
  protected get elements(): MapElements {
    if (this.closed) throw this.closedError();
    this.#elements ??= new MapElements(this.fd, this.keySize, this.valueSize);
    return this.#elements;
  }

  /**
   * The value under a key, undefined where there is none.
   * @throws CodecError for a key that the codec cannot write; MapError
   */
  get(key: K): V | undefined {
    const elements = this.elements;
    this.#writeKey(elements, key);
    const result = elements.lookup();
    if (result === 0) return this.readValue(elements.value);
    if (result === -ENOENT) return undefined;
    throw this.failure("read", "BPF_MAP_LOOKUP_ELEM", result);
  }

  /** @throws CodecError, MapError */
  has(key: K): boolean {
    const elements = this.elements;
    this.#writeKey(elements, key);
    const result = elements.lookup();
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw this.failure("read", "BPF_MAP_LOOKUP_ELEM", result);
  }

  /**
   * Puts a value under a key.
   * @param flags `BPF_ANY` (default), `BPF_NOEXIST`, `BPF_EXIST`
   * @throws CodecError, MapError `ERR_KEY_EXISTS`, `ERR_NO_SUCH_KEY`, `ERR_MAP_FULL`, `ERR_READ_ONLY`, `ERR_CLOSED`
   */
  set(key: K, value: W, flags: number = BPF_ANY): this {
    const elements = this.elements;
    this.#writeKey(elements, key);
    this.#writeValue(elements, value);
    const result = elements.update(flags);
    if (result < 0) throw this.failure("write", "BPF_MAP_UPDATE_ELEM", result);
    return this;
  }

  /** `set` with the flags named, as aya has it. @throws as `set` */
  insert(key: K, value: W, flags: number = BPF_ANY): void {
    this.set(key, value, flags);
  }

  /** Whether the key was there. @throws CodecError; MapError `ERR_NOT_SUPPORTED` for types that delete nothing */
  delete(key: K): boolean {
    const elements = this.elements;
    this.#writeKey(elements, key);
    return this.deleteWritten(elements);
  }

  /** Deletes the key in `elements.key`. */
  protected deleteWritten(elements: MapElements): boolean {
    const result = elements.delete();
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw this.failure("delete from", "BPF_MAP_DELETE_ELEM", result);
  }

  /** The keys, in the kernel's order. An element deleted or added meanwhile may be missed, and none is given more than `maxEntries` times. */
  *keys(): Generator<K, void, undefined> {
    for (const elements of this.#walk()) yield this.keyCodec.read(elements.key, 0);
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Keys with their values; the current one may be deleted. @throws MapError */
  *entries(): Generator<[K, V], void, undefined> {
    for (const elements of this.#walk()) {
      const key = this.keyCodec.read(elements.key, 0);
      const result = elements.lookup();
      // Deleted since its key was seen.
      if (result === -ENOENT) continue;
      if (result < 0) throw this.failure("read", "BPF_MAP_LOOKUP_ELEM", result);
      yield [key, this.readValue(elements.value)];
    }
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, map: this) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }

  /** Deletes every element. @throws MapError `ERR_NOT_SUPPORTED` for types that delete nothing */
  clear(): void {
    for (const elements of this.#walk()) this.deleteWritten(elements);
  }

  /**
   * Puts one key after the other into `elements.key`. The key after the one in hand is asked for before that
   * one is given out, so that it may be deleted: the kernel starts from the beginning after a key it does not know.
   */
  *#walk(): Generator<MapElements, void, undefined> {
    const size = this.keySize;
    const ahead = new Uint8Array(size);
    let elements = this.elements;
    let result = elements.firstKey();
    for (let left = this.maxEntries; result === 0 && left > 0; left--) {
      const key = new Uint8Array(elements.key.buffer, elements.key.byteOffset, size);
      const current = key.slice();
      result = elements.nextKey();
      if (result === 0) ahead.set(key);
      key.set(current);
      yield elements;
      // Not the one from before: the map may have been closed while the user had control.
      elements = this.elements;
      key.set(ahead);
    }
    if (result !== 0 && result !== -ENOENT) throw this.failure("list the keys of", "BPF_MAP_GET_NEXT_KEY", result);
  }

  #writeKey(elements: MapElements, key: K): void {
    try {
      this.keyCodec.write(elements.key, 0, key);
    } catch (error) {
      throw this.#badInput("key", error);
    }
  }

  #writeValue(elements: MapElements, value: W): void {
    try {
      this.writeValue(elements.value, value);
    } catch (error) {
      throw this.#badInput("value", error);
    }
  }

  #badInput(what: string, error: unknown): unknown {
    if (!(error instanceof CodecError)) return error;
    return new MapError(error.code, `The ${what} does not fit ${this.describe()}: ${error.message}`, { cause: error });
  }

  protected failure(verb: string, command: string, result: number): unknown {
    const cause = new SyscallError(command, -result);
    const asked = `Cannot ${verb} ${this.describe()}`;
    const reasons = READS.has(command) ? { ...this.reasons(), ...READING } : this.reasons();
    return refusal(cause, { family: MapError, asked, reasons, code: "ERR_MAP" });
  }
}

/** The codec given, or the default for the size. */
export function chosenCodec<T>(
  given: Codec<T> | undefined,
  size: number,
  btf?: MapOptions["btf"],
  typeId?: number,
): Codec<T> {
  // The class's type parameter says what the user takes keys or values for; the default codec checks what it is given.
  return (given ?? defaultCodec(size, btf, typeId)) as Codec<T>;
}

/** @throws MapError `ERR_INVALID_SIZE` */
export function checkSize(codec: Codec<unknown>, size: number, what: "key" | "value", map: string): void {
  if (codec.size !== size)
    throw new MapError(
      "ERR_INVALID_SIZE",
      `A codec of ${codec.size} bytes does not fit the ${what} of ${map}, which has ${size} bytes.`,
    );
}
