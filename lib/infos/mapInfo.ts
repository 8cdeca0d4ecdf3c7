import { type MapType, mapInfo, type OwnedFd } from "../../syscalls/index.ts";
import { MapError } from "../errors/classes.ts";
import { ask, expectFd } from "../kinds.ts";
import type { BpfMap } from "../maps/bpfMap.ts";
import { mapClasses } from "../maps/registry.ts";
import { openPinOf } from "../pins/pin.ts";
import { readFdinfo } from "./fdinfo.ts";
import { plain } from "./json.ts";
import { openById } from "./openById.ts";

/** What the kernel tells of a map (`struct bpf_map_info`). Undefined: this kernel is too old for it, or there is none. */
export class MapInfo {
  readonly id: number;
  /** As the kernel keeps it: at most 15 bytes. */
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*`. */
  readonly flags: number;
  readonly btfId: number | undefined;
  readonly keyTypeId: number | undefined;
  readonly valueTypeId: number | undefined;
  /** What it means depends on the type; Linux 5.16. */
  readonly extra: bigint | undefined;
  /** No more writing through system calls; from /proc/self/fdinfo. */
  readonly frozen: boolean | undefined;
  /** Bytes, from /proc/self/fdinfo. */
  readonly memoryLocked: number | undefined;

  private constructor(fd: number) {
    const info = mapInfo(fd);
    const fdinfo = readFdinfo(fd);
    const frozen = fdinfo("frozen");
    this.id = info.u32("id", 0);
    this.name = info.text("name");
    // A number of a newer kernel stays a number: the type says what is known today.
    this.type = info.u32("type", 0) as MapType;
    this.keySize = info.u32("key_size", 0);
    this.valueSize = info.u32("value_size", 0);
    this.maxEntries = info.u32("max_entries", 0);
    this.flags = info.u32("map_flags", 0);
    this.btfId = info.u32("btf_id") || undefined;
    this.keyTypeId = info.u32("btf_key_type_id") || undefined;
    this.valueTypeId = info.u32("btf_value_type_id") || undefined;
    this.extra = info.u64("map_extra");
    this.frozen = frozen === undefined ? undefined : frozen !== 0;
    this.memoryLocked = fdinfo("memlock");
  }

  static #ask(fd: number): MapInfo {
    return ask("map", () => new MapInfo(fd));
  }

  /** Asks about an fd that stays the caller's. @throws MapError `ERR_BAD_FD`, `ERR_UNEXPECTED_MAP_TYPE` */
  static fromFd(fd: number): MapInfo {
    expectFd(fd, "map");
    return MapInfo.#ask(fd);
  }

  /** @throws MapError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  static fromId(id: number): MapInfo {
    using fd = openById("map", id, MapError);
    return MapInfo.#ask(fd.fd);
  }

  /** @throws PinError; MapError `ERR_UNEXPECTED_MAP_TYPE` where something else is pinned there */
  static fromPin(path: string): MapInfo {
    using fd = openPinOf(path, "map");
    return MapInfo.#ask(fd.fd);
  }

  /** A new fd of the map, which the caller closes. @throws MapError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  fd(): OwnedFd {
    return openById("map", this.id, MapError);
  }

  /** The map, of its proper class. @throws MapError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  open(): BpfMap {
    return mapClasses.open(this.fd(), this);
  }

  toJSON(): Record<string, unknown> {
    return plain({ ...this });
  }
}
