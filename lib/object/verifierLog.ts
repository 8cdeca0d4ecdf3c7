import { type Btf, CORE_POISON, type CoreResult, type ProgramSpec } from "../../elf/index.ts";
import { littleEndian, type ProgLoadError } from "../../syscalls/index.ts";
import { type SourceLocation, VerifierError } from "../errors/verifierError.ts";

/** Bytes of a line_info record. */
const LINE_INFO_BYTES = 16;

/** Lines of the log that an error message ends with. */
const TAIL_LINES = 8;

/** Statistics that the verifier ends its log with. */
const STATISTICS =
  /^(processed \d+ insns|verification time|stack depth|insns processed|mark_read|max_states|old:|new:|peak_states)/;

/** The verifier's refusal as an error: reason, source line, and the end of the log. Undefined where it wrote nothing but statistics. */
export function verifierError(
  spec: ProgramSpec,
  btf: Btf | undefined,
  cause: ProgLoadError,
  core: readonly CoreResult[] = [],
): VerifierError | undefined {
  const lines = cause.log.split("\n").filter((line) => line !== "" && !STATISTICS.test(line));
  if (lines.length === 0) return undefined;
  const summary = unresolvedCore(core, lines) ?? reasonOf(lines);
  const location = locate(spec, btf, lines);
  const tail = lines.slice(-TAIL_LINES);
  const omitted = lines.length - tail.length;
  const message = [
    `The verifier refused the program ${JSON.stringify(spec.name)} (section ${JSON.stringify(spec.section)}, ${cause.errnoName}): ${summary}`,
    ...(location === undefined ? [] : [describe(location)]),
    omitted > 0 ? `End of the verifier's log (${omitted} lines before it are in error.log):` : "The verifier's log:",
    ...tail.map((line) => `  ${line}`),
  ].join("\n");
  return new VerifierError(message, { cause, log: cause.log, summary, location });
}

/** Where the verifier met an instruction that a CO-RE relocation made invalid: which one, and why. */
function unresolvedCore(core: readonly CoreResult[], lines: readonly string[]): string | undefined {
  if (!lines.some((line) => line.includes(`unknown#${CORE_POISON}`))) return undefined;
  const instruction = lastInstruction(lines);
  const result = core.find((one) => one.relocation.instruction === instruction && one.poisoned !== undefined);
  return (
    result &&
    `${result.poisoned}. Ask first whether it is there (bpf_core_field_exists, bpf_core_type_exists, bpf_core_enum_value_exists), or compile the program for this kernel`
  );
}

/** The last line that is about the error, and not register state, an instruction or a source comment. */
function reasonOf(lines: readonly string[]): string {
  const noise =
    /^(;|\d+: \(|\d+: R\d|\s|R\d+[_=]|from \d+ to|caller|callee|frame\d|last_idx|regs=|parent |arg#\d+ reference|mark_precise|func#\d+ @)/;
  return lines.findLast((line) => !noise.test(line)) ?? lines.at(-1) ?? "it gave no reason";
}

/** The instruction that the log saw last, and the source line that it comes from. */
function locate(spec: ProgramSpec, btf: Btf | undefined, lines: readonly string[]): SourceLocation | undefined {
  const instruction = lastInstruction(lines);
  if (instruction === undefined) return undefined;
  const span = spec.functions.findLast((one) => one.instruction <= instruction);
  return { function: span?.name, instruction, ...sourceLine(spec, btf, instruction) };
}

function lastInstruction(lines: readonly string[]): number | undefined {
  const last = lines.findLast((line) => /^\d+: \(/.test(line));
  return last === undefined ? undefined : Number.parseInt(last, 10);
}

function sourceLine(
  spec: ProgramSpec,
  btf: Btf | undefined,
  instruction: number,
): Omit<SourceLocation, "function" | "instruction"> {
  const none = { file: undefined, line: undefined, column: undefined, text: undefined };
  if (spec.lineInfo === undefined || btf === undefined) return none;
  const view = new DataView(spec.lineInfo.buffer, spec.lineInfo.byteOffset, spec.lineInfo.byteLength);
  let at = -1;
  for (let offset = 0; offset + LINE_INFO_BYTES <= view.byteLength; offset += LINE_INFO_BYTES)
    if (view.getUint32(offset, littleEndian) <= instruction) at = offset;
  if (at < 0) return none;
  const position = view.getUint32(at + 12, littleEndian);
  return {
    file: btf.string(view.getUint32(at + 4, littleEndian)),
    line: position >>> 10,
    column: position & 0x3ff,
    text: btf.string(view.getUint32(at + 8, littleEndian)).trim(),
  };
}

function describe({ function: name, instruction, file, line, text }: SourceLocation): string {
  const place = `At instruction ${instruction}${name === undefined ? "" : ` in ${name}()`}`;
  if (file === undefined) return `${place}; compile with -g to see the source line.`;
  return `${place}, ${file}:${line}: ${text}`;
}
