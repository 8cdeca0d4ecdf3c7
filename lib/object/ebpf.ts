import type { ElfObject } from "../../elf/index.ts";
import type { ProgramType } from "../../syscalls/index.ts";
import type { DefaultValue } from "../codecs/defaults.ts";
import { MapError, ProgramError, SkmsgError } from "../errors/classes.ts";
import { orClose } from "../handle.ts";
import { duplicate } from "../kinds.ts";
import type { ArrayMap } from "../maps/arrayMap.ts";
import { BpfMap, type MapClass, type TypedMapClass } from "../maps/bpfMap.ts";
import type { GenericMap } from "../maps/genericMap.ts";
import type { HashMap } from "../maps/hashMap.ts";
import type { Codecs } from "../maps/keyedMap.ts";
import type { SockHash } from "../maps/sockHash.ts";
import { removePin } from "../pins/pin.ts";
import { Program, type ProgramClass } from "../programs/program.ts";
import { programClasses } from "../programs/registry.ts";
import { ObjectContext, type VerifierLogMode } from "./context.ts";
import { type MapsOptions, realizeMap, type Undo } from "./maps.ts";
import { ObjectProgram } from "./programSource.ts";
import { type ObjectSource, readObject } from "./source.ts";
import type { TargetBtf } from "./targetBtf.ts";

export interface EbpfOptions extends MapsOptions {
  /** `max_entries` by map name, instead of the object's. */
  readonly maxEntries?: Readonly<Record<string, number>>;
  /** Maps to use instead of creating them, by name; they stay the caller's. */
  readonly maps?: Readonly<Record<string, BpfMap>>;
  /** Folder in bpffs for maps that ask to be pinned by name; default /sys/fs/bpf. */
  readonly pinPath?: string;
  /** `KERNEL_VERSION` for programs that must name it; default the object's, else the running kernel's. */
  readonly kernelVersion?: number;
  /** Default `"on-error"`; what it wrote of a program that loaded is `program.verifierLog`. */
  readonly verifierLog?: VerifierLogMode;
  /** Types of the kernel that CO-RE relocations go by: BTF, or an ELF file that has it. Default the running kernel's and its modules'. Bytes are kept. */
  readonly targetBtf?: TargetBtf;
  /** Types by section name, for sections that do not tell. */
  readonly programTypes?: Readonly<Record<string, ProgramType>>;
}

const OPTIONS: ReadonlySet<string> = new Set([
  "maxEntries",
  "maps",
  "pinPath",
  "kernelVersion",
  "verifierLog",
  "programTypes",
  "targetBtf",
]);

/** An object file with its maps in the kernel, and its programs ready to be loaded. */
export class Ebpf {
  /** What the file asks for. */
  readonly object: ElfObject;
  /** In file order. */
  readonly programs: ReadonlyMap<string, Program>;
  /** In file order, those of data sections under the section's name. */
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly #context: ObjectContext;
  readonly #mine: BpfMap[];
  #closed = false;

  private constructor(context: ObjectContext, mine: BpfMap[]) {
    this.object = context.object;
    this.maps = context.maps;
    this.#context = context;
    this.#mine = mine;
    const programs = new Map<string, Program>();
    for (const spec of context.object.programs) {
      const type = context.programTypes[spec.section] ?? spec.type ?? 0;
      const source = new ObjectProgram(context, spec, type);
      programs.set(
        spec.name,
        programClasses.make({ name: spec.name, type, attachType: spec.expectedAttachType, source }),
      );
    }
    this.programs = programs;
  }

  /**
   * Parses an object and creates its maps; programs are in memory, not yet in the kernel. All or nothing.
   * @throws ElfError, BtfError, RelocationError for the file; MapError, PinError for its maps; `ERR_INVALID_OPTION`
   */
  static load(source: ObjectSource, options: EbpfOptions = {}): Ebpf {
    for (const name of Object.keys(options))
      if (!OPTIONS.has(name))
        throw new SkmsgError(
          "ERR_INVALID_OPTION",
          `Ebpf.load() knows no option ${JSON.stringify(name)}; there are ${[...OPTIONS].join(", ")}.`,
        );
    const { object, name } = readObject(source);
    checkNames(options, object);
    const context = new ObjectContext(object, name, options);
    const undo: Undo[] = [];
    try {
      for (const spec of object.maps) context.maps.set(spec.name, realizeMap(context, spec, options, undo));
      return new Ebpf(
        context,
        undo.map(({ map }) => map),
      );
    } catch (error) {
      for (const { map } of undo) map.close();
      context.close();
      // Only now, as looking at a pin takes an fd, and a lack of them may be what failed.
      for (const { map, pinned } of undo) if (pinned !== undefined) unpinQuietly(pinned, map.id);
      throw error;
    }
  }

  /**
   * A program by its name.
   * @throws ProgramError `ERR_NO_SUCH_PROGRAM`, `ERR_UNEXPECTED_PROGRAM_TYPE`; `ERR_CLOSED`
   */
  program(name: string): Program;
  program<P extends Program>(name: string, programClass: ProgramClass<P>): P;
  program(name: string, programClass?: ProgramClass<Program>): Program {
    this.#checkOpen();
    const program = this.programs.get(name);
    if (program === undefined)
      throw new ProgramError(
        "ERR_NO_SUCH_PROGRAM",
        `The object has no program ${JSON.stringify(name)}. ${listing("programs", this.programs)}`,
      );
    return programClass === undefined ? program : Program.from.call(programClass, program);
  }

  /**
   * A map by its name; with codecs, one of its own that reads and writes by them.
   * @throws MapError `ERR_NO_SUCH_MAP`, `ERR_UNEXPECTED_MAP_TYPE`, `ERR_INVALID_SIZE`; `ERR_CLOSED`
   */
  map(name: string): BpfMap;
  // A class by itself: its type parameters are the codecs'. The compiler cannot fill them for a class that it does not know by name.
  map<K = DefaultValue, V = DefaultValue>(name: string, mapClass: typeof HashMap, codecs?: Codecs<K, V>): HashMap<K, V>;
  map<V = DefaultValue>(name: string, mapClass: typeof ArrayMap, codecs?: Codecs<number, V>): ArrayMap<V>;
  map<K = DefaultValue>(name: string, mapClass: typeof SockHash, codecs?: Codecs<K, bigint>): SockHash<K>;
  map<K = DefaultValue, V = DefaultValue>(
    name: string,
    mapClass: typeof GenericMap,
    codecs?: Codecs<K, V>,
  ): GenericMap<K, V>;
  // A class with its parameters given, as SockHash<number>.
  map<M extends BpfMap>(name: string, mapClass: MapClass<M>): M;
  map<M extends BpfMap, C>(name: string, mapClass: TypedMapClass<M, C>, codecs: C): M;
  map(name: string, mapClass?: MapClass<BpfMap>, codecs?: Codecs<unknown, unknown>): BpfMap {
    this.#checkOpen();
    const map = this.maps.get(name);
    if (map === undefined)
      throw new MapError(
        "ERR_NO_SUCH_MAP",
        `The object has no map ${JSON.stringify(name)}. ${listing("maps", this.maps)}`,
      );
    if (mapClass === undefined) return map;
    BpfMap.from.call(mapClass, map);
    if (codecs === undefined) return map;
    const fd = duplicate(map.fd, "map");
    const typed = orClose([fd], () => new mapClass({ fd, info: map.info(), name, ...codecs }));
    this.#mine.push(typed);
    return typed;
  }

  /** Loads every program that is not loaded yet and whose section does not begin with `?`. All or nothing. @throws as `Program.load` */
  loadAll(): void {
    this.#checkOpen();
    const done: Program[] = [];
    try {
      this.object.programs.forEach((spec) => {
        const program = this.programs.get(spec.name);
        if (program === undefined || !spec.autoload || program.isLoaded) return;
        program.load();
        done.push(program);
      });
    } catch (error) {
      for (const program of done) program.unload();
      throw error;
    }
  }

  /**
   * Closes the programs, which detaches the links that they track, and the maps; what is pinned lives on. Again has no effect.
   * @throws LinkError of the first link that did not detach, when all is done
   */
  close(): void {
    this.#closed = true;
    const failures: unknown[] = [];
    for (const program of this.programs.values()) {
      try {
        program.close();
      } catch (error) {
        failures.push(error);
      }
    }
    for (const map of this.#mine) map.close();
    this.#context.close();
    if (failures.length > 0) throw failures[0];
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new SkmsgError("ERR_CLOSED", "This object has been closed, with its programs and maps.");
  }
}

/** While something is being undone: the failure that led to it is the one to tell. */
function unpinQuietly(path: string, id: number): void {
  try {
    removePin(path, "map", id);
  } catch {
    // What cannot be removed stays, as after a crash, and the next load finds and uses it.
  }
}

/** Names that the options mention must be the object's: a slip of the pen would be ignored silently. */
function checkNames(options: EbpfOptions, object: ElfObject): void {
  const names = new Set(object.maps.map(({ name }) => name));
  for (const name of [...Object.keys(options.maxEntries ?? {}), ...Object.keys(options.maps ?? {})])
    if (!names.has(name))
      throw new MapError(
        "ERR_NO_SUCH_MAP",
        `The options mention a map ${JSON.stringify(name)}, which the object does not have. Its maps: ${[...names].join(", ")}.`,
      );
}

function listing(what: string, things: ReadonlyMap<string, unknown>): string {
  return things.size === 0 ? `It has no ${what} at all.` : `Its ${what}: ${[...things.keys()].join(", ")}.`;
}
