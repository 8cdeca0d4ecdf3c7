/** A file that cannot be used as it is. `code` is stable and meant for programs, `message` is meant for people. */
abstract class FormatError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  static {
    // What every error of this package carries, so that its folders, and two copies of it in one process, know each other's.
    Object.defineProperty(FormatError.prototype, Symbol.for("skmsg.error"), { value: true });
  }
}

/**
 * The object file itself is not what a loader needs.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_NOT_ELF` | no ELF magic: empty, text, bitcode, an archive |
 * | `ERR_ELF_CLASS` | ELF of 32 bits |
 * | `ERR_ELF_MACHINE` | compiled for another machine than BPF |
 * | `ERR_ELF_TYPE` | linked or dumped, not relocatable |
 * | `ERR_ELF_MALFORMED` | truncated, or contradicts itself |
 * | `ERR_ELF_UNSUPPORTED` | sound, but asks for something this package cannot do |
 */
export class ElfError extends FormatError {
  override readonly name: string = "ElfError";
}

/**
 * The type information is missing or contradicts itself.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_BTF_MALFORMED` | `.BTF` or `.BTF.ext` is truncated, or refers to what is not there |
 * | `ERR_NO_BTF` | the object has maps in `.maps`, which only BTF describes, and no BTF |
 */
export class BtfError extends FormatError {
  override readonly name: string = "BtfError";
}

/** An instruction refers to something that cannot be found (`ERR_RELOCATION`). Section, symbol and instruction are named. */
export class RelocationError extends FormatError {
  override readonly name: string = "RelocationError";
}
