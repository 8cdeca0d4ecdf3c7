import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { MapInfo, ProgramInfo } from "skmsg";
import { bpftool } from "./environment.ts";

/** A program as the kernel keeps it, from bpftool's own listing; what it leaves out is asked for by us. */
export interface KernelProgram {
  readonly name: string;
  readonly type: string;
  readonly tag: string;
  readonly gplCompatible: boolean;
  /** Bytes after the verifier's rewriting. */
  readonly translated: number;
  readonly verifiedInstructions: number | undefined;
  /** Names of the maps it uses, in the order of use. */
  readonly maps: readonly string[];
}

/** A map as the kernel keeps it. Types are ids in the object's BTF. */
export interface KernelMap {
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly frozen: number;
  readonly keyTypeId: number | undefined;
  readonly valueTypeId: number | undefined;
}

/** What bpftool prints of a program, as far as it is used here. */
interface ListedProgram {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly tag: string;
  readonly gpl_compatible: boolean;
  readonly bytes_xlated: number;
  readonly map_ids?: readonly number[];
}

interface ListedMap {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
  readonly flags: number;
  readonly frozen: number;
}

/** Programs as bpftool lists them, in the order of the ids. */
export function kernelPrograms(ids: readonly number[]): KernelProgram[] {
  const list = bpftool("prog", "show") as ListedProgram[]; // bpftool's format
  const mapNames = new Map((bpftool("map", "show") as ListedMap[]).map(({ id, name }) => [id, name])); // the same
  return select(list, ids).map(({ id, name, type, tag, gpl_compatible, bytes_xlated, map_ids = [] }) => ({
    name,
    type,
    tag,
    gplCompatible: gpl_compatible,
    translated: bytes_xlated,
    verifiedInstructions: ProgramInfo.fromId(id).verifiedInstructions,
    maps: map_ids.map((map) => mapNames.get(map) ?? `map ${map}`),
  }));
}

/** Maps as bpftool lists them, in the order of the ids. */
export function kernelMaps(ids: readonly number[]): KernelMap[] {
  const list = bpftool("map", "show") as ListedMap[]; // bpftool's format
  return select(list, ids).map(({ id, name, type, bytes_key, bytes_value, max_entries, flags, frozen }) => {
    const { keyTypeId, valueTypeId } = MapInfo.fromId(id);
    const sizes = { keySize: bytes_key, valueSize: bytes_value, maxEntries: max_entries };
    return { name, type, ...sizes, flags, frozen, keyTypeId, valueTypeId };
  });
}

function select<T extends { readonly id: number }>(list: readonly T[], ids: readonly number[]): T[] {
  return ids.map((id) => {
    const found = list.find((one) => one.id === id);
    if (found === undefined) throw new Error(`bpftool does not list ${id}`);
    return found;
  });
}

/** What an object has become, by libbpf: paths of pins by the object's names of the programs; and the maps' pins. */
export interface Pinned {
  readonly programs: ReadonlyMap<string, string>;
  readonly maps: readonly string[];
}

/**
 * `bpftool prog loadall`: programs and maps are pinned in folders of their own in `bpffs`. What the object pins by
 * itself goes to `bpffs` as well, since it stands in for /sys/fs/bpf, in a mount namespace of bpftool's own.
 */
export function loadByLibbpf(path: string, bpffs: string, label: string, pinsByName: boolean): Pinned {
  const programs = join(bpffs, label, "programs");
  const maps = join(bpffs, label, "maps");
  // A map that is pinned by name already cannot be pinned at another path by libbpf.
  const command = ["bpftool", "prog", "loadall", path, programs, ...(pinsByName ? [] : ["pinmaps", maps])];
  const script = 'mount --bind "$0" /sys/fs/bpf && mkdir -p "$1" && shift && exec "$@"';
  const { status, stderr, stdout } = spawnSync(
    "unshare",
    ["-m", "sh", "-c", script, bpffs, join(bpffs, label), ...command],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr || stdout}`);
  return {
    programs: new Map([...listPins(programs)].map((path) => [basename(path), path])),
    maps: pinsByName ? readdirSync(bpffs).filter((name) => name.startsWith("PINNED")).map((name) => join(bpffs, name)) : existsSync(maps) ? [...listPins(maps)] : [],
  };
}
