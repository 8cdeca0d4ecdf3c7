import { littleEndian, type OwnedFd, type ProgramType, progInfo, progInfoArray } from "../../syscalls/index.ts";
import { ProgramError } from "../errors/classes.ts";
import { ask, expectFd } from "../kinds.ts";
import { openPinOf } from "../pins/pin.ts";
import type { Program } from "../programs/program.ts";
import { programClasses } from "../programs/registry.ts";
import { sinceBoot } from "./clock.ts";
import { readFdinfo } from "./fdinfo.ts";
import { plain } from "./json.ts";
import { openById } from "./openById.ts";

/** What the kernel tells of a loaded program (`struct bpf_prog_info`), at the moment it was asked. Undefined: this kernel is too old for it. */
export class ProgramInfo {
  readonly id: number;
  /** As the kernel keeps it: at most 15 bytes. */
  readonly name: string;
  readonly type: ProgramType;
  /** 16 hex digits: a hash of the instructions, SHA-1 up to Linux 6.17 and SHA-256 since. */
  readonly tag: string;
  readonly loadedAt: Date;
  readonly createdByUid: number;
  readonly gplCompatible: boolean;
  /** Ids of the maps that it uses. */
  readonly mapIds: readonly number[];
  /** Undefined where it was loaded without BTF. */
  readonly btfId: number | undefined;
  /** Bytes, after the verifier's rewriting. */
  readonly sizeTranslated: number;
  /** Bytes of machine code; 0 without JIT. */
  readonly sizeJitted: number;
  /** Linux 5.16. */
  readonly verifiedInstructions: number | undefined;
  /** Counted while statistics are on (`enableStats`); Linux 5.1. */
  readonly runTimeNs: bigint | undefined;
  readonly runCount: bigint | undefined;
  /** Linux 5.12. */
  readonly recursionMisses: bigint | undefined;
  /** Bytes, from /proc/self/fdinfo. */
  readonly memoryLocked: number | undefined;

  private constructor(fd: number) {
    const info = progInfo(fd);
    const mapIds = progInfoArray(fd, "map_ids");
    const view = new DataView(mapIds.buffer, mapIds.byteOffset, mapIds.byteLength);
    this.id = info.u32("id", 0);
    this.name = info.text("name");
    // A number of a newer kernel stays a number: the type says what is known today.
    this.type = info.u32("type", 0) as ProgramType;
    this.tag = Buffer.from(info.bytes("tag")).toString("hex");
    this.loadedAt = sinceBoot(info.u64("load_time", 0n));
    this.createdByUid = info.u32("created_by_uid", 0);
    this.gplCompatible = gplBit(info.bytes("gpl_compatible"));
    this.mapIds = Array.from({ length: mapIds.length / 4 }, (_, index) => view.getUint32(index * 4, littleEndian));
    this.btfId = info.u32("btf_id") || undefined;
    this.sizeTranslated = info.u32("xlated_prog_len", 0);
    this.sizeJitted = info.u32("jited_prog_len", 0);
    this.verifiedInstructions = info.u32("verified_insns");
    this.runTimeNs = info.u64("run_time_ns");
    this.runCount = info.u64("run_cnt");
    this.recursionMisses = info.u64("recursion_misses");
    this.memoryLocked = readFdinfo(fd)("memlock");
  }

  static #ask(fd: number): ProgramInfo {
    return ask("prog", () => new ProgramInfo(fd));
  }

  /** Asks about an fd that stays the caller's. @throws ProgramError `ERR_BAD_FD`, `ERR_UNEXPECTED_PROGRAM_TYPE` */
  static fromFd(fd: number): ProgramInfo {
    expectFd(fd, "prog");
    return ProgramInfo.#ask(fd);
  }

  /** @throws ProgramError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  static fromId(id: number): ProgramInfo {
    using fd = openById("prog", id, ProgramError);
    return ProgramInfo.#ask(fd.fd);
  }

  /** @throws PinError; ProgramError `ERR_UNEXPECTED_PROGRAM_TYPE` where something else is pinned there */
  static fromPin(path: string): ProgramInfo {
    using fd = openPinOf(path, "prog");
    return ProgramInfo.#ask(fd.fd);
  }

  /** A new fd of the program, which the caller closes. @throws ProgramError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  fd(): OwnedFd {
    return openById("prog", this.id, ProgramError);
  }

  /** The program, of its proper class. @throws ProgramError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  open(): Program {
    return programClasses.open(this.fd(), this);
  }

  /** The instructions after the verifier's rewriting, 8 bytes each; empty where the kernel hides them. */
  insns(): Uint8Array {
    using fd = this.fd();
    return progInfoArray(fd.fd, "xlated_prog_insns");
  }

  toJSON(): Record<string, unknown> {
    return plain({ ...this });
  }
}

/** A bit field of one bit: the lowest of the first byte on little endian, the highest on big endian. */
function gplBit(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & (littleEndian ? 1 : 0x80)) !== 0;
}
