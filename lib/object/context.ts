import { type CoreApplied, CoreRelocator, type ElfObject, type ProgramSpec } from "../../elf/index.ts";
import { btfLoad, type ProgramType, SyscallError } from "../../syscalls/index.ts";
import { withMemoryLock } from "../features/memlock.ts";
import { Handle } from "../handle.ts";
import type { BpfMap } from "../maps/bpfMap.ts";
import { type TargetBtf, targetsOf } from "./targetBtf.ts";

/** How much the verifier is to write: nothing unless it refuses, its statistics, or every instruction. */
export type VerifierLogMode = "on-error" | "stats" | "verbose";

/** What the programs and maps of one loaded object share. */
export class ObjectContext {
  readonly object: ElfObject;
  /** As libbpf names it, from the file. */
  readonly name: string;
  readonly maps: Map<string, BpfMap> = new Map();
  readonly kernelVersion: number | undefined;
  readonly verifierLog: VerifierLogMode;
  readonly programTypes: Readonly<Record<string, ProgramType>>;
  readonly #core: CoreRelocator | undefined;
  #btf: Handle | "refused" | undefined;

  constructor(
    object: ElfObject,
    name: string,
    options: {
      kernelVersion?: number;
      verifierLog?: VerifierLogMode;
      programTypes?: Readonly<Record<string, ProgramType>>;
      targetBtf?: TargetBtf;
    },
  ) {
    this.object = object;
    this.name = name;
    this.kernelVersion = options.kernelVersion;
    this.verifierLog = options.verifierLog ?? "on-error";
    this.programTypes = options.programTypes ?? {};
    const targets = targetsOf(options.targetBtf);
    this.#core = object.btf && new CoreRelocator(object.programs, object.btf, targets);
  }

  /** The object's types in the kernel, loaded when first asked for; undefined where it has none or the kernel refuses them, as nothing here depends on them. */
  btfFd(): number | undefined {
    this.#btf ??= this.#loadBtf();
    return this.#btf === "refused" ? undefined : this.#btf.fd;
  }

  /** The program's instructions as they fit the kernel's types; a copy. @throws RelocationError `ERR_CORE_AMBIGUOUS`, `ERR_CORE_RELOCATION`; `ERR_NO_KERNEL_BTF` */
  applyCore(spec: ProgramSpec): CoreApplied {
    return this.#core?.apply(spec) ?? { instructions: spec.instructions.slice(), results: [] };
  }

  close(): void {
    if (this.#btf !== undefined && this.#btf !== "refused") this.#btf.close();
    this.#btf = undefined;
  }

  #loadBtf(): Handle | "refused" {
    const bytes = this.object.btfForKernel();
    if (bytes === undefined) return "refused";
    try {
      // Not what users hold: the warning about their objects is enough.
      return new Handle(
        this,
        withMemoryLock(() => btfLoad(bytes)),
      );
    } catch (error) {
      if (error instanceof SyscallError && error.code === "ERR_SYSCALL") return "refused";
      throw error;
    }
  }
}
