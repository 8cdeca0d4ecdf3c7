import {
  E2BIG,
  EINVAL,
  ENOMEM,
  ENOSPC,
  ENOTSUPP,
  EPERM,
  MapType,
  mapCreate,
  nameOf,
  type OwnedFd,
} from "../../syscalls/index.ts";
import type { Codec } from "../codecs/codec.ts";
import { MapError } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";
import { withMemoryLock } from "../features/memlock.ts";
import { isErrno, orClose } from "../handle.ts";
import { MapInfo } from "../infos/mapInfo.ts";
import { kernelName } from "../names.ts";
import type { BpfMap, MapOptions } from "./bpfMap.ts";
import type { Codecs } from "./keyedMap.ts";

/** What `create` of a map class takes. A size not given is the codec's. */
export interface CreateMapOptions<K, V> {
  /** Cut at 15 bytes for the kernel, and what it refuses replaced by `_`. */
  readonly name?: string;
  readonly key?: Codec<K>;
  readonly value?: Codec<V>;
  /** Bytes; 4 unless a codec says otherwise. */
  readonly keySize?: number;
  /** Bytes; 4 unless a codec says otherwise. */
  readonly valueSize?: number;
  readonly maxEntries: number;
  /** `BPF_F_*`. */
  readonly flags?: number;
  readonly numaNode?: number;
  /** `map_extra`. */
  readonly extra?: bigint;
}

/** What the kernel is asked for. */
export interface MapParameters {
  readonly name: string;
  /** The name for the kernel where it is not made from `name`. */
  readonly kernelName?: string | undefined;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly numaNode?: number | undefined;
  readonly extra?: bigint | undefined;
  /** Types for the kernel, so that bpftool can print the elements. */
  readonly btf?: { readonly fd: number; readonly keyTypeId: number; readonly valueTypeId: number } | undefined;
}

/** Types that refuse BTF for keys and values, which libbpf leaves away as well (bpf_object__create_map). */
const WITHOUT_BTF: ReadonlySet<number> = new Set([
  MapType.PerfEventArray,
  MapType.CgroupArray,
  MapType.StackTrace,
  MapType.ArrayOfMaps,
  MapType.HashOfMaps,
  MapType.DevMap,
  MapType.DevMapHash,
  MapType.CpuMap,
  MapType.XskMap,
  MapType.SockMap,
  MapType.SockHash,
  MapType.Queue,
  MapType.Stack,
  MapType.Arena,
  MapType.RingBuf,
  MapType.UserRingBuf,
]);

const REASONS: Reasons = {
  [EINVAL]: {
    code: "ERR_INVALID_MAP",
    why: "A size, the number of entries or a flag is not what this type takes (max_entries 0?), or this kernel does not know the type.",
  },
  [E2BIG]: { code: "ERR_MAP_TOO_LARGE", why: "The key, the value or the whole map is larger than the kernel allows." },
  [ENOSPC]: { code: "ERR_MAP_TOO_LARGE", why: "The map is larger than the kernel allows." },
  [ENOMEM]: {
    code: "ERR_NO_MEMORY",
    why: "The kernel has not that much memory for it; make it smaller, or give the memory cgroup more.",
  },
  [EPERM]: {
    code: "ERR_MEMLOCK",
    why: "The capabilities are there, so RLIMIT_MEMLOCK is the likely reason: kernels before 5.11 count maps against it. Raise it (ulimit -l unlimited), or run with CAP_SYS_RESOURCE so that it can be raised here.",
  },
};

/**
 * BPF_MAP_CREATE, as libbpf asks for it.
 * @throws MapError `ERR_INVALID_MAP`, `ERR_MAP_TOO_LARGE`, `ERR_NO_MEMORY`, `ERR_MEMLOCK`, `ERR_PERMISSION`
 */
export function createMap(map: MapParameters): OwnedFd {
  const asked = `Cannot create the ${nameOf(MapType, map.type)} map ${JSON.stringify(map.name)} (key ${map.keySize} B, value ${map.valueSize} B, ${map.maxEntries} entries)`;
  const attr = {
    map_type: map.type,
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.flags || undefined,
    numa_node: map.numaNode,
    map_name: map.kernelName ?? kernelName(map.name),
    map_extra: map.extra || undefined,
  };
  const how = {
    family: MapError,
    asked,
    reasons: REASONS,
    code: "ERR_MAP",
    needs: ["CAP_BPF", "CAP_NET_ADMIN"],
  } as const;
  return explained(how, () => {
    if (map.btf === undefined || WITHOUT_BTF.has(map.type)) return withMemoryLock(() => mapCreate(attr));
    const types = { btf_fd: map.btf.fd, btf_key_type_id: map.btf.keyTypeId, btf_value_type_id: map.btf.valueTypeId };
    try {
      return withMemoryLock(() => mapCreate({ ...attr, ...types }));
    } catch (error) {
      // A type or a kernel that takes no BTF here; libbpf tries again without, too.
      if (!isErrno(error, EINVAL, ENOTSUPP)) throw error;
      return withMemoryLock(() => mapCreate(attr));
    }
  });
}

/** `create` of a map class. */
export function createOf<M extends BpfMap, K, V>(
  mapClass: new (options: MapOptions & Codecs<K, V>) => M,
  type: MapType,
  options: CreateMapOptions<K, V>,
): M {
  const { name = "", key, value } = options;
  const fd = createMap({
    name,
    type,
    keySize: whole(options.keySize ?? key?.size ?? 4, "keySize"),
    valueSize: whole(options.valueSize ?? value?.size ?? 4, "valueSize"),
    maxEntries: whole(options.maxEntries, "maxEntries"),
    flags: whole(options.flags ?? 0, "flags"),
    numaNode: options.numaNode === undefined ? undefined : whole(options.numaNode, "numaNode"),
    extra: options.extra,
  });
  return orClose([fd], () => new mapClass({ fd, info: MapInfo.fromFd(fd.fd), name: name || undefined, key, value }));
}

/** A field of 32 bits. @throws MapError `ERR_OUT_OF_RANGE` */
export function whole(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new MapError(
      "ERR_OUT_OF_RANGE",
      `${what} must be a whole number from 0 to 4294967295, and is ${String(value)}.`,
    );
  return value;
}
