import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { listPins, MapInfo, ProgramInfo } from "skmsg";
import { ElfObject } from "skmsg/elf";
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

/** What libbpf has made of an object. */
export interface Libbpf {
  /** Pins, by the object's names. */
  readonly programs: ReadonlyMap<string, string>;
  /** Ids. */
  readonly maps: readonly number[];
}

/**
 * `bpftool prog loadall`, everything pinned below a folder. What the object pins by name goes there as well: in a mount
 * namespace of bpftool's own the folder stands in for /sys/fs/bpf.
 * @param folder a new one, in a BPF file system.
 */
export function loadByLibbpf(object: string, folder: string): Libbpf {
  const programs = join(folder, "programs");
  const maps = join(folder, "maps");
  mkdirSync(folder);
  // A map that is pinned by name already cannot be pinned at another path by libbpf.
  const isPinning = ElfObject.parse(readFileSync(object)).maps.some(({ pinByName }) => pinByName);
  const command = ["bpftool", "prog", "loadall", object, programs, ...(isPinning ? [] : ["pinmaps", maps])];
  const script = 'mount --bind "$0" /sys/fs/bpf && exec "$@"';
  const { status, stderr, stdout } = spawnSync("unshare", ["-m", "sh", "-c", script, folder, ...command], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr || stdout}`);
  const pins = [...listPins(folder)];
  const loaded = pins.filter((path) => path.startsWith(programs));
  const ids = pins.filter((path) => !loaded.includes(path)).map((path) => MapInfo.fromPin(path).id);
  return {
    programs: new Map(loaded.map((path) => [basename(path), path])),
    maps: [...new Set([...ids, ...loaded.flatMap((path) => ProgramInfo.fromPin(path).mapIds)])],
  };
}
