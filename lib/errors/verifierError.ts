import { ProgramError } from "./classes.ts";

/** Where in the C source the refused instruction comes from, by line_info. */
export interface SourceLocation {
  /** Function that holds the instruction. */
  readonly function: string | undefined;
  /** Index of the instruction in the program. */
  readonly instruction: number;
  /** As the compiler was given it; undefined without line_info. */
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Text of the line. */
  readonly text: string | undefined;
}

/** BPF_PROG_LOAD was refused with a log (`ERR_VERIFIER`). */
export class VerifierError extends ProgramError {
  override readonly name: string = "VerifierError";
  /** All that the verifier wrote, up to 16 MiB. */
  readonly log: string;
  /** Its reason in one line. */
  readonly summary: string;
  readonly location: SourceLocation | undefined;

  constructor(
    message: string,
    options: { cause: unknown; log: string; summary: string; location: SourceLocation | undefined },
  ) {
    super("ERR_VERIFIER", message, { cause: options.cause });
    this.log = options.log;
    this.summary = options.summary;
    this.location = options.location;
  }
}
