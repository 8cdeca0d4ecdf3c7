import {
  type AttachType,
  nameOf,
  type OwnedFd,
  ProgramType,
  type TestRunInput,
  type TestRunResult,
} from "../../syscalls/index.ts";
import { ProgramError } from "../errors/classes.ts";
import { Handle, orClose } from "../handle.ts";
import { openById } from "../infos/openById.ts";
import { ProgramInfo } from "../infos/programInfo.ts";
import { inspectAs } from "../inspect.ts";
import { duplicate } from "../kinds.ts";
import { openPinOf, Pins } from "../pins/pin.ts";
import { testRun } from "./testRun.ts";

/** A program in the kernel. */
export interface LoadedFd {
  /** Taken over. */
  readonly fd: OwnedFd;
  readonly id: number;
  readonly tag: string;
  /** What the verifier wrote, where it was asked to. */
  readonly log?: string;
}

/** The part of an object file that a program comes from: how it gets into the kernel. */
export interface ProgramSource {
  load(): LoadedFd;
  loadAsync(): Promise<LoadedFd>;
}

export interface ProgramOptions {
  /** The whole name where it is known; the kernel's is cut at 15 bytes. */
  readonly name: string;
  readonly type: number;
  readonly attachType?: number | undefined;
  readonly source?: ProgramSource | undefined;
  readonly loaded?: LoadedFd | undefined;
  /** Where it was opened from. */
  readonly pin?: string | undefined;
}

/** A class that stands for a program type, as the static methods below want their `this`. */
export interface ProgramClass<P extends Program> {
  new (options: ProgramOptions): P;
  /** Undefined for every type. */
  readonly PROGRAM_TYPE: ProgramType | undefined;
  readonly name: string;
}

interface Loaded {
  readonly handle: Handle;
  readonly id: number;
  readonly tag: string;
}

/** A program, in the object file or in the kernel: the part that all types share. */
export class Program {
  static readonly PROGRAM_TYPE: ProgramType | undefined = undefined;

  readonly name: string;
  readonly type: ProgramType;
  /** `expected_attach_type`; undefined where it is not known, as for a pinned program of a type with several. */
  readonly attachType: AttachType | undefined;
  readonly #source: ProgramSource | undefined;
  readonly #pins = new Pins("prog");
  #loaded: Loaded | undefined;
  #log = "";
  #loading = false;
  #closed = false;

  /** Used by the library; programs come from `Ebpf`, `fromPin`, `fromProgramInfo` and `fromFd`. */
  constructor({ name, type, attachType, source, loaded, pin }: ProgramOptions) {
    this.name = name;
    // Numbers of a newer kernel stay numbers: the types say what is known today.
    this.type = type as ProgramType;
    this.attachType = attachType as AttachType | undefined;
    this.#source = source;
    if (loaded === undefined) return;
    this.#take(loaded);
    if (pin !== undefined) this.#pins.add(pin, loaded.id);
  }

  /**
   * The program pinned at a path, loaded.
   * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`; ProgramError `ERR_UNEXPECTED_PROGRAM_TYPE`
   */
  static fromPin<P extends Program>(this: ProgramClass<P>, path: string): P {
    return fromOwnedFd(this, openPinOf(path, "prog"), undefined, path);
  }

  /**
   * The program that an info is about, loaded.
   * @param name the whole name, where the caller knows it.
   * @throws ProgramError `ERR_NO_SUCH_ID`, `ERR_PERMISSION`, `ERR_UNEXPECTED_PROGRAM_TYPE`
   */
  static fromProgramInfo<P extends Program>(this: ProgramClass<P>, info: ProgramInfo, name?: string): P {
    return fromOwnedFd(this, openById("prog", info.id, ProgramError), name);
  }

  /** The program behind an fd, of which a duplicate is taken. @throws ProgramError `ERR_BAD_FD`, `ERR_UNEXPECTED_PROGRAM_TYPE` */
  static fromFd<P extends Program>(this: ProgramClass<P>, fd: number): P {
    return fromOwnedFd(this, duplicate(fd, "prog"));
  }

  /** The same object, known to be of this class. @throws ProgramError `ERR_UNEXPECTED_PROGRAM_TYPE` */
  static from<P extends Program>(this: ProgramClass<P>, program: Program): P {
    if (program instanceof this) return program;
    throw unexpectedType(this, program.type, program.name);
  }

  /** What the verifier wrote when it was loaded, with `verifierLog: "stats"` or `"verbose"`; else empty. */
  get verifierLog(): string {
    return this.#log;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined;
  }

  /** @throws ProgramError `ERR_NOT_LOADED`, `ERR_CLOSED` */
  get fd(): number {
    return this.#needLoaded("has no fd").handle.fd;
  }

  /**
   * Has the verifier check it, and loads it into the kernel.
   * @throws VerifierError with the log; ProgramError `ERR_ALREADY_LOADED`, `ERR_NO_OBJECT`, `ERR_PERMISSION`, `ERR_CLOSED`
   */
  load(): void {
    this.#take(this.#needSource().load());
  }

  /** The same off the event loop. */
  async loadAsync(): Promise<void> {
    const source = this.#needSource();
    this.#loading = true;
    let loaded: LoadedFd;
    try {
      loaded = await source.loadAsync();
    } finally {
      this.#loading = false;
    }
    orClose([loaded.fd], () => this.checkOpen());
    this.#take(loaded);
  }

  /**
   * Detaches the links that it tracks and closes the fd; the program lives on where it is pinned or attached by others.
   * One that came from an object can be loaded again.
   * @throws ProgramError `ERR_NOT_LOADED`, `ERR_CLOSED`; LinkError of the first link that did not detach, when all is done
   */
  unload(): void {
    this.#needLoaded("cannot be unloaded");
    this.#release();
  }

  /**
   * Gives the program a name in bpffs, under which it outlives the process.
   * @throws PinError `ERR_PIN_NAME`, `ERR_PIN_NO_FOLDER`, `ERR_NOT_BPFFS`, `ERR_PIN_EXISTS`, `ERR_PERMISSION`; ProgramError `ERR_NOT_LOADED`
   */
  pin(path: string): void {
    const { handle, id } = this.#needLoaded("cannot be pinned");
    this.#pins.pin(handle.fd, id, path, this.describe());
  }

  /**
   * Removes the pins that this object made or was opened from, and no others; without any it has no effect.
   * @throws PinError `ERR_PERMISSION`; ProgramError `ERR_CLOSED`
   */
  unpin(): void {
    if (this.#pins.size === 0) return;
    this.checkOpen();
    this.#pins.unpin();
  }

  /** Fresh from the kernel. @throws ProgramError `ERR_NOT_LOADED` */
  info(): ProgramInfo {
    return ProgramInfo.fromFd(this.fd);
  }

  /**
   * Runs it once, or `repeat` times, on data of the caller's.
   * @throws ProgramError `ERR_NOT_SUPPORTED` where the kernel cannot for this type, `ERR_INVALID_INPUT`, `ERR_NOT_LOADED`
   */
  testRun(input: TestRunInput = {}): TestRunResult {
    return testRun(this.fd, this.describe(), input);
  }

  /** Detaches the links that it tracks, closes the fd; what is pinned stays in the kernel. Again has no effect. */
  close(): void {
    this.#closed = true;
    if (this.#loaded !== undefined) this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** How errors name it. */
  protected describe(): string {
    return `the ${nameOf(ProgramType, this.type)} program ${JSON.stringify(this.name)}`;
  }

  /** Detaches what the class tracks. Called before the fd closes. */
  protected detachAll(): void {}

  /** What `util.inspect` shows besides name, id and tag. */
  protected inspectFields(): string {
    return "";
  }

  #line(): string {
    const state = this.#loaded === undefined ? ", not loaded" : `, id: ${this.#loaded.id}, tag: '${this.#loaded.tag}'`;
    return `${this.constructor.name} { name: '${this.name}'${state}${this.inspectFields()} }`;
  }

  static {
    inspectAs(this.prototype, (program) => program.#line());
  }

  #take({ fd, id, tag, log = "" }: LoadedFd): void {
    const what = `${this.constructor.name} ${JSON.stringify(this.name)} (id ${id})`;
    this.#log = log;
    this.#loaded = { handle: new Handle(this, fd, what), id, tag };
  }

  #release(): void {
    try {
      this.detachAll();
    } finally {
      this.#loaded?.handle.close();
      this.#loaded = undefined;
    }
  }

  /** @throws ProgramError `ERR_CLOSED` */
  protected checkOpen(): void {
    if (this.#closed) throw new ProgramError("ERR_CLOSED", `${this.describe()} has been closed.`);
  }

  #needSource(): ProgramSource {
    this.checkOpen();
    if (this.#loaded !== undefined || this.#loading)
      throw new ProgramError(
        "ERR_ALREADY_LOADED",
        `${this.describe()} is ${this.#loading ? "being" : "already"} loaded. unload() it first to load it anew.`,
      );
    if (this.#source === undefined)
      throw new ProgramError(
        "ERR_NO_OBJECT",
        `${this.describe()} came from a pin, an id or an fd, and there is no object file behind it to load from. Use Ebpf.load().`,
      );
    return this.#source;
  }

  #needLoaded(but: string): Loaded {
    this.checkOpen();
    if (this.#loaded === undefined)
      throw new ProgramError("ERR_NOT_LOADED", `${this.describe()} is not loaded, so it ${but}. Call load() first.`);
    return this.#loaded;
  }
}

function fromOwnedFd<P extends Program>(programClass: ProgramClass<P>, fd: OwnedFd, name?: string, pin?: string): P {
  return orClose([fd], () => {
    const info = ProgramInfo.fromFd(fd.fd);
    if (programClass.PROGRAM_TYPE !== undefined && info.type !== programClass.PROGRAM_TYPE)
      throw unexpectedType(programClass, info.type, info.name);
    return new programClass({
      name: name ?? info.name,
      type: info.type,
      loaded: { fd, id: info.id, tag: info.tag },
      pin,
    });
  });
}

function unexpectedType(programClass: ProgramClass<Program>, type: number, name: string): ProgramError {
  return new ProgramError(
    "ERR_UNEXPECTED_PROGRAM_TYPE",
    `The program ${JSON.stringify(name)} is of type ${nameOf(ProgramType, type)}, and ${programClass.name} was asked for.`,
  );
}
