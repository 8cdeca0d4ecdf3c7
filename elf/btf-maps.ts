import type { Btf } from "./btf.ts";
import type { BtfMember, BtfSectionVariable } from "./btf-types.ts";
import { BtfError, ElfError } from "./errors.ts";
import type { ElfFile } from "./file.ts";
import type { PlacedMap } from "./maps.ts";
import type { ElfSection } from "./sections.ts";
import type { MapSpec } from "./spec.ts";

const LINKAGE_GLOBAL = 1;
/** `LIBBPF_PIN_NONE` and `LIBBPF_PIN_BY_NAME` of bpf_helpers.h. */
const PIN_NONE = 0;
const PIN_BY_NAME = 1;
/** More members than any definition has; keeps a hostile one from costing time. */
const MAX_MEMBERS = 64;

/** The members of a definition that were there. */
interface Definition {
  type?: number;
  keySize?: number;
  valueSize?: number;
  maxEntries?: number;
  flags?: number;
  numaNode?: number;
  pinning?: number;
  extra?: number;
  keyTypeId?: number;
  valueTypeId?: number;
}

/** Members that hold a number, and the field each one fills. `__uint(name, n)` writes n as the length of an array pointed to. */
const NUMBERS: ReadonlyMap<string, keyof Definition> = new Map([
  ["type", "type"],
  ["max_entries", "maxEntries"],
  ["map_flags", "flags"],
  ["numa_node", "numaNode"],
  ["key_size", "keySize"],
  ["value_size", "valueSize"],
  ["pinning", "pinning"],
  ["map_extra", "extra"],
]);

/**
 * Maps of section `.maps`: each a global variable of a struct type whose members describe it, the bytes themselves
 * being meaningless. Follows libbpf's parse_btf_map_def.
 *
 * @throws BtfError ERR_NO_BTF when there is such a section and no BTF, ERR_BTF_MALFORMED
 * @throws ElfError ERR_ELF_UNSUPPORTED for maps of maps, filled program arrays and unknown members
 */
export function btfMaps(file: ElfFile, btf: Btf | undefined): PlacedMap[] {
  const section = file.sectionsByName.get(".maps");
  if (section === undefined) return [];
  if (btf === undefined) {
    throw new BtfError(
      "ERR_NO_BTF",
      'The object has maps in section ".maps", which are described by BTF alone, and it has no BTF. Compile with -g; to strip it, use llvm-strip -g, which keeps BTF.',
    );
  }
  const id = btf.findByName(".maps", "datasec");
  const layout = id === undefined ? undefined : btf.type(id);
  if (layout?.kind !== "datasec")
    throw malformed('the object has a section ".maps", and its BTF does not describe it.');
  return layout.variables.map((variable) => ({
    section: section.index,
    offset: variable.offset,
    spec: readMap(variable, section, btf),
  }));
}

function readMap(place: BtfSectionVariable, section: ElfSection, btf: Btf): MapSpec {
  const variable = btf.type(place.type);
  if (variable.kind !== "var" || variable.name === "")
    throw malformed(`section ".maps" holds a ${variable.kind} "${variable.name}", where a named variable should be.`);
  const { name } = variable;
  if (variable.linkage !== LINKAGE_GLOBAL)
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Map "${name}" is static or extern; maps must be global variables. Drop the word from its definition.`,
    );
  if (place.offset + place.size > section.size)
    throw malformed(
      `map "${name}" ends at byte ${place.offset + place.size} of section ".maps", which has ${section.size}.`,
    );
  const type = btf.type(btf.skipModifiers(variable.type));
  if (type.kind !== "struct") throw malformed(`map "${name}" is defined by a ${type.kind}, where a struct should be.`);
  if (type.size > place.size || type.members.length > MAX_MEMBERS)
    throw malformed(
      `the definition of map "${name}" has ${type.members.length} members in ${type.size} bytes, and its place in ".maps" has ${place.size}.`,
    );

  const definition: Definition = {};
  for (const member of type.members) readMember(name, member, definition, btf);
  return toSpec(name, definition);
}

function readMember(map: string, member: BtfMember, definition: Definition, btf: Btf): void {
  const number = NUMBERS.get(member.name);
  if (number !== undefined) {
    set(map, definition, number, numberOf(map, member, btf));
  } else if (member.name === "key" || member.name === "value") {
    const pointer = btf.type(member.type);
    if (pointer.kind !== "ptr")
      throw malformed(
        `member "${member.name}" of map "${map}" is a ${pointer.kind}, where a pointer should be; write __type(${member.name}, …).`,
      );
    set(map, definition, member.name === "key" ? "keySize" : "valueSize", btf.sizeOf(pointer.type));
    definition[member.name === "key" ? "keyTypeId" : "valueTypeId"] = pointer.type;
  } else if (member.name === "values") {
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Map "${map}" has a member "values": maps of maps and program arrays that are filled by the loader are not supported yet. Define it with value_size 4 and fill it after loading.`,
    );
  } else {
    throw new ElfError(
      "ERR_ELF_UNSUPPORTED",
      `Map "${map}" has a member "${member.name}", which no loader is known to understand. Known are ${[...NUMBERS.keys()].join(", ")}, key and value.`,
    );
  }
}

function numberOf(map: string, member: BtfMember, btf: Btf): number {
  const pointer = btf.type(btf.skipModifiers(member.type));
  const array = pointer.kind === "ptr" ? btf.type(pointer.type) : undefined;
  if (array?.kind !== "array") {
    throw malformed(
      `member "${member.name}" of map "${map}" is no pointer to an array; write __uint(${member.name}, …).`,
    );
  }
  return array.length;
}

/** Sizes may be given twice, by size and by type, if both agree. */
function set(map: string, definition: Definition, field: keyof Definition, value: number): void {
  const before = definition[field];
  if ((field === "keySize" || field === "valueSize") && before !== undefined && before !== 0 && before !== value) {
    throw malformed(
      `map "${map}" gives its ${field === "keySize" ? "key" : "value"} ${before} bytes in one place and ${value} in another.`,
    );
  }
  definition[field] = value;
}

function toSpec(name: string, definition: Definition): MapSpec {
  const { type = 0, pinning = PIN_NONE } = definition;
  if (type === 0) throw malformed(`map "${name}" has no type; write __uint(type, BPF_MAP_TYPE_…).`);
  if (pinning !== PIN_NONE && pinning !== PIN_BY_NAME)
    throw malformed(`map "${name}" asks for pinning ${pinning}; there are 0 (none) and 1 (by name).`);
  return {
    name,
    origin: "btf",
    section: ".maps",
    type,
    keySize: definition.keySize ?? 0,
    valueSize: definition.valueSize ?? 0,
    maxEntries: definition.maxEntries ?? 0,
    flags: definition.flags ?? 0,
    numaNode: definition.numaNode,
    extra: BigInt(definition.extra ?? 0),
    pinByName: pinning === PIN_BY_NAME,
    keyTypeId: definition.keyTypeId ?? 0,
    valueTypeId: definition.valueTypeId ?? 0,
    initial: undefined,
    readOnly: false,
  };
}

function malformed(reason: string): BtfError {
  return new BtfError("ERR_BTF_MALFORMED", `This object's BTF is damaged: ${reason}`);
}
