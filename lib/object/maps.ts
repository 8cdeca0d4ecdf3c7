import { existsSync } from "node:fs";
import type { MapSpec } from "../../elf/index.ts";
import { MapElements, MapType, mapFreeze, nameOf, type OwnedFd, SyscallError } from "../../syscalls/index.ts";
import { MapError } from "../errors/classes.ts";
import { explained } from "../errors/refusal.ts";
import { orClose } from "../handle.ts";
import { MapInfo } from "../infos/mapInfo.ts";
import { kindName } from "../kinds.ts";
import { BpfMap } from "../maps/bpfMap.ts";
import { createMap, whole } from "../maps/create.ts";
import { mapClasses } from "../maps/registry.ts";
import { dataMapName } from "../names.ts";
import { openPin } from "../pins/pin.ts";
import type { ObjectContext } from "./context.ts";

export interface MapsOptions {
  readonly maxEntries?: Readonly<Record<string, number>>;
  readonly maps?: Readonly<Record<string, BpfMap>>;
  readonly pinPath?: string;
}

/** Where libbpf puts maps that ask to be pinned by name. */
const DEFAULT_PIN_PATH = "/sys/fs/bpf";

/** A map that is to be closed with the object, or as soon as something fails; and unpinned then, from where it was pinned only now. */
export interface Undo {
  readonly map: BpfMap;
  readonly pinned: string | undefined;
}

/**
 * The map that a spec asks for: the user's, the one pinned under its name, or a new one.
 * `undo` learns of the maps that are not the user's.
 */
export function realizeMap(context: ObjectContext, spec: MapSpec, options: MapsOptions, undo: Undo[]): BpfMap {
  const given = options.maps?.[spec.name];
  if (given !== undefined) {
    if (!(given instanceof BpfMap))
      throw new MapError("ERR_INVALID_TYPE", `The option maps wants a map for ${JSON.stringify(spec.name)}.`);
    checkCompatible(spec, given.info(), ["type", "keySize", "valueSize"]);
    return given;
  }
  const wanted = {
    ...spec,
    maxEntries: whole(options.maxEntries?.[spec.name] ?? spec.maxEntries, `maxEntries of ${JSON.stringify(spec.name)}`),
  };
  const path = spec.pinByName ? `${options.pinPath ?? DEFAULT_PIN_PATH}/${spec.name}` : undefined;
  if (path !== undefined && existsSync(path)) {
    const map = reuse(context, wanted, path);
    undo.push({ map, pinned: undefined });
    return map;
  }
  const map = create(context, wanted);
  if (path !== undefined) orClose([map], () => map.pin(path));
  undo.push({ map, pinned: path });
  return map;
}

function create(context: ObjectContext, spec: MapSpec): BpfMap {
  const typed = spec.keyTypeId !== 0 || spec.valueTypeId !== 0;
  const btfFd = typed ? context.btfFd() : undefined;
  const fd = createMap({
    name: spec.name,
    kernelName: spec.origin === "data" ? dataMapName(context.name, spec.name) : undefined,
    type: spec.type,
    keySize: spec.keySize,
    valueSize: spec.valueSize,
    maxEntries: spec.maxEntries,
    flags: spec.flags,
    numaNode: spec.numaNode,
    extra: spec.extra,
    btf: btfFd === undefined ? undefined : { fd: btfFd, keyTypeId: spec.keyTypeId, valueTypeId: spec.valueTypeId },
  });
  return orClose([fd], () => {
    if (spec.initial !== undefined) fill(fd, spec, spec.initial);
    return wrap(context, spec, fd);
  });
}

/** Writes a data section's bytes into its map's only value; `.rodata` is then closed to writing, which lets the verifier see constants. */
function fill(fd: OwnedFd, spec: MapSpec, initial: Uint8Array): void {
  const how = {
    family: MapError,
    asked: `Cannot fill the map of section ${JSON.stringify(spec.name)}`,
    reasons: {},
    code: "ERR_MAP",
  };
  explained(how, () => {
    const elements = new MapElements(fd.fd, spec.keySize, spec.valueSize);
    new Uint8Array(elements.value.buffer, elements.value.byteOffset, spec.valueSize).set(initial);
    const result = elements.update(0);
    if (result < 0) throw new SyscallError("BPF_MAP_UPDATE_ELEM", -result);
    if (spec.readOnly) mapFreeze(fd.fd);
  });
}

function reuse(context: ObjectContext, spec: MapSpec, path: string): BpfMap {
  const { fd, kind } = openPin(path);
  return orClose([fd], () => {
    if (kind !== "map")
      throw new MapError(
        "ERR_MAP_INCOMPATIBLE",
        `${JSON.stringify(path)} should be the map ${JSON.stringify(spec.name)}, and is ${kindName(kind)}.`,
      );
    checkCompatible(spec, MapInfo.fromFd(fd.fd), ["type", "keySize", "valueSize", "maxEntries", "flags"]);
    return wrap(context, spec, fd, path);
  });
}

function wrap(context: ObjectContext, spec: MapSpec, fd: OwnedFd, pin?: string): BpfMap {
  return mapClasses.open(fd, MapInfo.fromFd(fd.fd), {
    name: spec.name,
    btf: context.object.btf,
    keyTypeId: spec.keyTypeId,
    valueTypeId: spec.valueTypeId,
    pin,
  });
}

type Compared = "type" | "keySize" | "valueSize" | "maxEntries" | "flags";

function checkCompatible(spec: MapSpec, info: MapInfo, fields: readonly Compared[]): void {
  const differing = fields.filter((field) => spec[field] !== info[field]);
  if (differing.length === 0) return;
  const show = (field: Compared, value: number): string => (field === "type" ? nameOf(MapType, value) : String(value));
  const list = differing.map(
    (field) => `${field} is ${show(field, info[field])}, and the object wants ${show(field, spec[field])}`,
  );
  throw new MapError(
    "ERR_MAP_INCOMPATIBLE",
    `The existing map ${JSON.stringify(info.name)} (id ${info.id}) cannot be ${JSON.stringify(spec.name)}: ${list.join("; ")}.`,
  );
}
