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
 * | `ERR_NO_BTF` | the object has maps in `.maps`, which only BTF describes, and no BTF; or a target has none |
 */
export class BtfError extends FormatError {
  override readonly name: string = "BtfError";
}

/**
 * An instruction refers to something that cannot be found. Section, symbol or type, and instruction are named.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_RELOCATION` | a map, a function or a variable |
 * | `ERR_CORE_RELOCATION` | a CO-RE relocation that contradicts the object's types or instructions, or a value that does not fit |
 * | `ERR_CORE_AMBIGUOUS` | a CO-RE relocation for which several of the kernel's types give different results |
 */
export class RelocationError extends FormatError {
  override readonly name: string = "RelocationError";
}
