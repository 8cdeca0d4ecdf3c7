import type { AttrValues } from "./attr.ts";
import { call, callForFd, run } from "./command.ts";
import { ENOENT } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import type { OwnedFd } from "./fd.ts";
import { MAP_BATCH, MAP_CREATE, MAP_ELEM } from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** BPF_MAP_CREATE. @throws SyscallError */
export function mapCreate(attr: AttrValues<typeof MAP_CREATE>): OwnedFd {
  return callForFd("BPF_MAP_CREATE", MAP_CREATE, attr);
}

/** BPF_MAP_FREEZE (Linux 5.2): no more writing through system calls. @throws SyscallError */
export function mapFreeze(mapFd: number): void {
  call("BPF_MAP_FREEZE", MAP_ELEM, { map_fd: mapFd });
}

/** What one batch command moved. */
export interface BatchResult {
  /** Elements processed, also where an error stopped it. */
  readonly count: number;
  /** Where to go on (`in_batch` of the next call); undefined once the map's end was reached. */
  readonly next: Memory | undefined;
  /** 0, or the positive errno that stopped it. `ENOENT` of a lookup is the end of the map and comes as 0. */
  readonly errno: number;
}

/**
 * BPF_MAP_LOOKUP_BATCH or BPF_MAP_LOOKUP_AND_DELETE_BATCH (Linux 5.6).
 * @param keys room for `count` keys. @param values room for `count` values.
 * @param position undefined to begin, else `next` of the call before; at least 4 bytes and a key long.
 */
export function mapLookupBatch(
  mapFd: number,
  position: Memory | undefined,
  keys: Memory,
  values: Memory,
  count: number,
  keySize: number,
  andDelete = false,
): BatchResult {
  const next = new Memory(Math.max(keySize, 4));
  const { result, attr } = run(andDelete ? "BPF_MAP_LOOKUP_AND_DELETE_BATCH" : "BPF_MAP_LOOKUP_BATCH", MAP_BATCH, {
    in_batch: position,
    out_batch: next,
    keys,
    values,
    count,
    map_fd: mapFd,
  });
  const end = result === -ENOENT;
  // An error from before the first element leaves the count as it was asked.
  const done = result === 0 || end ? attr.view.getUint32(MAP_BATCH.count[0], littleEndian) : 0;
  return { count: done, next: end ? undefined : next, errno: result < 0 && !end ? -result : 0 };
}

/** BPF_MAP_UPDATE_BATCH (Linux 5.6). @throws SyscallError; elements before the refused one are in the map. */
export function mapUpdateBatch(mapFd: number, keys: Memory, values: Memory, count: number, elemFlags?: number): void {
  call("BPF_MAP_UPDATE_BATCH", MAP_BATCH, { keys, values, count, map_fd: mapFd, elem_flags: elemFlags });
}

/** BPF_MAP_DELETE_BATCH (Linux 5.6): the number of keys deleted before the first absent one. @throws SyscallError */
export function mapDeleteBatch(mapFd: number, keys: Memory, count: number): number {
  const { result, attr } = run("BPF_MAP_DELETE_BATCH", MAP_BATCH, { keys, count, map_fd: mapFd });
  if (result < 0 && result !== -ENOENT) throw new SyscallError("BPF_MAP_DELETE_BATCH", -result);
  return attr.view.getUint32(MAP_BATCH.count[0], littleEndian);
}
