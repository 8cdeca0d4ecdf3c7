import { type CoreResult, type ProgramSpec, RelocationError } from "../../elf/index.ts";
import {
  E2BIG,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOMEM,
  EPERM,
  type LoadedProgram,
  littleEndian,
  Memory,
  type ProgLoadAttr,
  ProgLoadError,
  progInfo,
  progLoad,
  progLoadAsync,
} from "../../syscalls/index.ts";
import { ProgramError } from "../errors/classes.ts";
import { type Reasons, refusal } from "../errors/refusal.ts";
import { kernelVersion } from "../features/kernelVersion.ts";
import { raiseMemoryLock } from "../features/memlock.ts";
import { isErrno, orClose } from "../handle.ts";
import { kernelName } from "../names.ts";
import type { LoadedFd, ProgramSource } from "../programs/program.ts";
import type { ObjectContext, VerifierLogMode } from "./context.ts";
import { verifierError } from "./verifierLog.ts";

/** Source registers of `ldimm64` (include/uapi/linux/bpf.h): what its immediate means. */
const BPF_PSEUDO_MAP_FD = 1;
const BPF_PSEUDO_MAP_VALUE = 2;
const INSTRUCTION_BYTES = 8;

/** Bits of `log_level`. */
const LOG_LEVELS: Readonly<Record<VerifierLogMode, number>> = { "on-error": 0, stats: 4, verbose: 2 };

const REASONS: Reasons = {
  [EPERM]: {
    code: "ERR_MEMLOCK",
    why: "The capabilities are there, so RLIMIT_MEMLOCK is the likely reason: kernels before 5.11 count programs against it. Raise it (ulimit -l unlimited), or run with CAP_SYS_RESOURCE so that it can be raised here.",
  },
  [EINVAL]: {
    code: "ERR_NOT_SUPPORTED",
    why: "It wrote no log, so it does not know the program type, the attach type or a flag: this kernel is likely too old for it.",
  },
  [E2BIG]: {
    code: "ERR_PROGRAM_TOO_LARGE",
    why: "The program has more instructions than the kernel takes (1,000,000 with CAP_BPF).",
  },
  [ENOMEM]: { code: "ERR_NO_MEMORY", why: "The kernel has no memory for it." },
};

/** How a program of an object file gets into the kernel: its references made real, its types, the verifier. */
export class ObjectProgram implements ProgramSource {
  readonly #context: ObjectContext;
  readonly #spec: ProgramSpec;
  readonly #type: number;
  /** What the relocations of the last attempt came to, to explain a refusal. */
  #core: readonly CoreResult[] = [];

  constructor(context: ObjectContext, spec: ProgramSpec, type: number) {
    this.#context = context;
    this.#spec = spec;
    this.#type = type;
  }

  load(): LoadedFd {
    for (;;) {
      try {
        return loaded(progLoad(this.#attr(), this.#logLevel));
      } catch (error) {
        if (!raiseMemoryLock(error)) throw this.#refusal(error);
      }
    }
  }

  async loadAsync(): Promise<LoadedFd> {
    for (;;) {
      try {
        return loaded(await progLoadAsync(this.#attr(), this.#logLevel));
      } catch (error) {
        if (!raiseMemoryLock(error)) throw this.#refusal(error);
      }
    }
  }

  get #logLevel(): number {
    return LOG_LEVELS[this.#context.verifierLog];
  }

  #attr(): ProgLoadAttr {
    const { object, kernelVersion: version } = this.#context;
    const spec = this.#spec;
    if (this.#type === 0)
      throw new ProgramError(
        "ERR_UNKNOWN_SECTION",
        `The section ${JSON.stringify(spec.section)} of the program ${JSON.stringify(spec.name)} does not tell its type. Give it: Ebpf.load(source, { programTypes: { ${JSON.stringify(spec.section)}: ProgramType.SkMsg } }).`,
      );
    const insns = this.#instructions();
    return {
      prog_type: this.#type,
      insn_cnt: insns.bytes.length / INSTRUCTION_BYTES,
      insns,
      license: Memory.cString(object.license),
      kern_version: version ?? object.kernelVersion ?? kernelVersion().code,
      prog_name: kernelName(spec.name),
      expected_attach_type: spec.expectedAttachType || undefined,
      ...this.#types(),
    };
  }

  /** func_info and line_info, so that the verifier, and `bpftool prog dump xlated linum`, can show the source. */
  #types(): ProgLoadAttr {
    const { funcInfo, lineInfo } = this.#spec;
    const btfFd = funcInfo === undefined ? undefined : this.#context.btfFd();
    if (funcInfo === undefined || btfFd === undefined) return {};
    return {
      prog_btf_fd: btfFd,
      func_info_rec_size: 8,
      func_info: Memory.from(funcInfo),
      func_info_cnt: funcInfo.length / 8,
      ...(lineInfo && {
        line_info_rec_size: 16,
        line_info: Memory.from(lineInfo),
        line_info_cnt: lineInfo.length / 16,
      }),
    };
  }

  /** The instructions as this kernel's types want them, with the fds of this process's maps. */
  #instructions(): Memory {
    const spec = this.#spec;
    const { instructions, results } = this.#context.applyCore(spec);
    this.#core = results;
    const insns = Memory.from(instructions);
    for (const relocation of spec.relocations) {
      const map = this.#context.maps.get(relocation.map);
      if (map === undefined)
        throw new RelocationError(
          "ERR_RELOCATION",
          `The program ${JSON.stringify(spec.name)} refers to the map ${JSON.stringify(relocation.map)}, which the object does not define.`,
        );
      const at = relocation.instruction * INSTRUCTION_BYTES;
      setSource(insns.view, at, relocation.kind === "map" ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE);
      insns.view.setInt32(at + 4, map.fd, littleEndian);
      if (relocation.kind === "data") insns.view.setInt32(at + INSTRUCTION_BYTES + 4, relocation.offset, littleEndian);
    }
    return insns;
  }

  #refusal(error: unknown): unknown {
    // The fd comes last, when the verifier is content and has written its log.
    if (error instanceof ProgLoadError && !isErrno(error, EMFILE, ENFILE)) {
      const refused = verifierError(this.#spec, this.#context.object.btf, error, this.#core);
      if (refused !== undefined) return refused;
    }
    const asked = `Cannot load the program ${JSON.stringify(this.#spec.name)} (section ${JSON.stringify(this.#spec.section)})`;
    return refusal(error, {
      family: ProgramError,
      asked,
      reasons: REASONS,
      code: "ERR_PROGRAM_LOAD",
      needs: ["CAP_BPF", "CAP_NET_ADMIN"],
    });
  }
}

/** The source register is the high half of the second byte on little endian, the low half on big endian. */
function setSource(view: DataView, at: number, register: number): void {
  const registers = view.getUint8(at + 1);
  view.setUint8(at + 1, littleEndian ? (registers & 0x0f) | (register << 4) : (registers & 0xf0) | register);
}

function loaded({ fd, log }: LoadedProgram): LoadedFd {
  return orClose([fd], () => {
    const info = progInfo(fd.fd);
    return { fd, id: info.u32("id", 0), tag: Buffer.from(info.bytes("tag")).toString("hex"), log };
  });
}
