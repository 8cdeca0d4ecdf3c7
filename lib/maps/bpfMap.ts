import type { Btf } from "../../elf/index.ts";
import { EBUSY, ENOTSUPP, EPERM, MapType, mapFreeze, nameOf, type OwnedFd } from "../../syscalls/index.ts";
import { MapError, type SkmsgError } from "../errors/classes.ts";
import { explained } from "../errors/refusal.ts";
import { Handle, orClose } from "../handle.ts";
import { MapInfo } from "../infos/mapInfo.ts";
import { openById } from "../infos/openById.ts";
import { inspectAs } from "../inspect.ts";
import { duplicate } from "../kinds.ts";
import { openPinOf, Pins } from "../pins/pin.ts";

/** What a map object is made of. */
export interface MapOptions {
  /** Taken over. */
  readonly fd: OwnedFd;
  readonly info: MapInfo;
  /** The whole name where it is known; the kernel's is cut at 15 bytes. */
  readonly name?: string | undefined;
  /** Types of the object file that it came from. */
  readonly btf?: Btf | undefined;
  readonly keyTypeId?: number | undefined;
  readonly valueTypeId?: number | undefined;
  /** Where it was opened from. */
  readonly pin?: string | undefined;
}

/** A class that stands for some map types, as the static methods below want their `this`. */
export type MapClass<M extends BpfMap> = TypedMapClass<M, unknown>;

/** The same with the codecs that its constructor takes. */
export interface TypedMapClass<M extends BpfMap, C> {
  new (options: MapOptions & C): M;
  /** The types that it stands for; undefined for every one. */
  readonly MAP_TYPES: readonly MapType[] | undefined;
  readonly name: string;
}

/** A map in the kernel: the part that all types share. */
export class BpfMap {
  static readonly MAP_TYPES: readonly MapType[] | undefined = undefined;

  readonly name: string;
  /** The kernel's id. */
  readonly id: number;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*`. */
  readonly flags: number;
  readonly #handle: Handle;
  readonly #pins = new Pins("map");
  #closed = false;

  /** Used by the library; make one with `create`, `fromPin`, `fromId`, or `Ebpf`. */
  constructor({ fd, info, name, pin }: MapOptions) {
    this.name = name ?? info.name;
    this.id = info.id;
    this.type = info.type;
    this.keySize = info.keySize;
    this.valueSize = info.valueSize;
    this.maxEntries = info.maxEntries;
    this.flags = info.flags;
    this.#handle = new Handle(this, fd, `${this.constructor.name} ${JSON.stringify(this.name)} (id ${this.id})`);
    if (pin !== undefined) this.#pins.add(pin, this.id);
  }

  /**
   * The map pinned at a path.
   * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`; MapError `ERR_UNEXPECTED_MAP_TYPE`
   */
  static fromPin<M extends BpfMap>(this: MapClass<M>, path: string): M {
    return fromOwnedFd(this, openPinOf(path, "map"), path);
  }

  /** The map with the kernel's id. @throws MapError `ERR_NO_SUCH_ID`, `ERR_PERMISSION`, `ERR_UNEXPECTED_MAP_TYPE` */
  static fromId<M extends BpfMap>(this: MapClass<M>, id: number): M {
    return fromOwnedFd(this, openById("map", id, MapError));
  }

  /** The map that an info is about. @throws MapError `ERR_NO_SUCH_ID`, `ERR_PERMISSION`, `ERR_UNEXPECTED_MAP_TYPE` */
  static fromMapInfo<M extends BpfMap>(this: MapClass<M>, info: MapInfo): M {
    return fromOwnedFd(this, openById("map", info.id, MapError));
  }

  /** The map behind an fd, of which a duplicate is taken. @throws MapError `ERR_BAD_FD`, `ERR_UNEXPECTED_MAP_TYPE` */
  static fromFd<M extends BpfMap>(this: MapClass<M>, fd: number): M {
    return fromOwnedFd(this, duplicate(fd, "map"));
  }

  /** The same object, known to be of this class. @throws MapError `ERR_UNEXPECTED_MAP_TYPE` */
  static from<M extends BpfMap>(this: MapClass<M>, map: BpfMap): M {
    if (map instanceof this) return map;
    throw unexpectedType(this, map.type, `The map ${JSON.stringify(map.name)}`);
  }

  /** @throws MapError `ERR_CLOSED` */
  get fd(): number {
    if (this.#closed) throw this.closedError();
    return this.#handle.fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Fresh from the kernel. @throws MapError `ERR_CLOSED` */
  info(): MapInfo {
    return MapInfo.fromFd(this.fd);
  }

  /**
   * Gives the map a name in bpffs, under which it outlives the process.
   * @throws PinError `ERR_PIN_NAME`, `ERR_PIN_NO_FOLDER`, `ERR_NOT_BPFFS`, `ERR_PIN_EXISTS`, `ERR_PERMISSION`
   */
  pin(path: string): void {
    this.#pins.pin(this.fd, this.id, path, this.describe());
  }

  /**
   * Removes the pins that this object made or was opened from, and no others; without any it has no effect.
   * @throws PinError `ERR_PERMISSION`; MapError `ERR_CLOSED`
   */
  unpin(): void {
    if (this.#pins.size === 0) return;
    if (this.#closed) throw this.closedError();
    this.#pins.unpin();
  }

  /**
   * No more writing through system calls, for ever; programs may go on (Linux 5.2).
   * @throws MapError `ERR_MAP_BUSY` while it is mapped for writing or frozen already, `ERR_NOT_SUPPORTED`
   */
  freeze(): void {
    const frozen = { code: "ERR_MAP_BUSY", why: "It is frozen already." };
    const readOnly = { code: "ERR_PERMISSION", why: "This fd may not write to the map." };
    // Older kernels answer EBUSY for a frozen map, newer ones EPERM, as for an fd that may not write.
    const already = this.info().frozen === true;
    const reasons = {
      [EBUSY]: already ? frozen : { code: "ERR_MAP_BUSY", why: "Somebody has it mapped for writing." },
      [ENOTSUPP]: {
        code: "ERR_NOT_SUPPORTED",
        why: "struct_ops maps, and those whose values hold locks, timers or other fields of the kernel's, cannot be frozen.",
      },
      [EPERM]: already ? frozen : readOnly,
    };
    explained({ family: MapError, asked: `Cannot freeze ${this.describe()}`, reasons, code: "ERR_MAP" }, () =>
      mapFreeze(this.fd),
    );
  }

  /** Closes the fd; the map lives on where it is pinned or in use. Again has no effect. */
  close(): void {
    this.#closed = true;
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** How errors name it. */
  protected describe(): string {
    return `the ${nameOf(MapType, this.type)} map ${JSON.stringify(this.name)}`;
  }

  protected closedError(): SkmsgError {
    return new MapError(
      "ERR_CLOSED",
      `${this.describe()} has been closed; open it again, by its pin or id ${this.id}.`,
    );
  }

  #line(): string {
    const entries = `key: ${this.keySize} B, value: ${this.valueSize} B, maxEntries: ${this.maxEntries}`;
    return `${this.constructor.name} { name: '${this.name}', id: ${this.id}, ${entries}${this.#closed ? ", closed" : ""} }`;
  }

  static {
    inspectAs(this.prototype, (map) => map.#line());
  }
}

function fromOwnedFd<M extends BpfMap>(mapClass: MapClass<M>, fd: OwnedFd, pin?: string): M {
  return orClose([fd], () => {
    const info = MapInfo.fromFd(fd.fd);
    if (mapClass.MAP_TYPES?.includes(info.type) === false)
      throw unexpectedType(mapClass, info.type, `The map ${JSON.stringify(info.name)} (id ${info.id})`);
    return new mapClass({ fd, info, pin });
  });
}

function unexpectedType(mapClass: MapClass<BpfMap>, type: MapType, which: string): MapError {
  return new MapError(
    "ERR_UNEXPECTED_MAP_TYPE",
    `${which} is a ${nameOf(MapType, type)} map, and ${mapClass.name} was asked for.`,
  );
}
