import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ebpf, type ProgramType, VerifierError } from "skmsg";
import { assemble, EXIT, FUNC, NOP } from "../elf/elf-writer.ts";
import { smallObject } from "../elf/helpers.ts";
import { kernel, skipWithoutRoot } from "../support/environment.ts";
import { rejectsCode, throwsCode } from "../support/errors.ts";
import { COMPILERS, fixture } from "../support/fixtures.ts";
import { leavesNothing } from "../support/leaks.ts";

const skip = skipWithoutRoot;

/** A type that no kernel has. */
const UNKNOWN = 9999 as ProgramType; // what a newer package or a slip of the pen may pass

interface Refused {
  readonly file: string;
  readonly program: string;
  /** The last line of the log that is about the error. */
  readonly reason: RegExp;
  /** Text of the source line. */
  readonly text: string;
}

const REFUSED: readonly Refused[] = [
  {
    file: "verifier-refused",
    program: "null_value",
    reason: /^R0 invalid mem access '(map_value_or_null|mem_or_null)'$/,
    text: "*count = 1;",
  },
  {
    file: "verifier-refused",
    program: "unchecked_data",
    // Up to 6.18, and in 7.2.
    reason: /^R\d (offset is outside of the packet|min value is outside of the allowed memory range)$/,
    text: "return data[0] == 'd' ? SK_DROP : SK_PASS;",
  },
  {
    file: "verifier-long",
    program: "long_log",
    reason: /^R0 invalid mem access '(map_value_or_null|mem_or_null)'$/,
    text: "*count = total;",
  },
];

/** Number of the line that follows "REFUSED HERE" and holds the text. */
function lineOf({ file, text }: Refused): number {
  const lines = readFileSync(new URL(`../fixtures/${file}.bpf.c`, import.meta.url), "utf8").split("\n");
  const at = lines.findIndex((line, index) => line.trim() === text && /REFUSED HERE/.test(lines[index - 1] ?? ""));
  assert.ok(at > 0, `${text} in ${file}`);
  return at + 1;
}

/** 5.10 writes more than 16 MiB about it, the most that can be had; what remains then is the reason. */
const TOO_LONG = kernel < 601 ? "verifier-long" : "";

function checkRefusal(error: unknown, refused: Refused): void {
  assert.ok(error instanceof VerifierError);
  if (refused.file === TOO_LONG) checkReason(error, refused);
  else checkPlace(error, refused);
}

function checkReason(error: VerifierError, { program, reason }: Refused): void {
  assert.equal(error.errnoName, "EACCES");
  assert.match(error.summary, reason);
  assert.equal(error.location, undefined);
  assert.equal(
    error.message,
    `The verifier refused the program "${program}" (section "sk_msg", EACCES): ${error.summary}\nThe verifier's log:\n  ${error.summary}`,
  );
  assert.match(error.log, /^R0 invalid mem access .*\n.*processed \d+ insns/s);
}

function checkPlace(error: VerifierError, refused: Refused): void {
  const { file, program, reason, text } = refused;
  const line = lineOf(refused);
  assert.equal(error.errnoName, "EACCES");
  assert.match(error.summary, reason);
  assert.deepEqual(
    { ...error.location, instruction: undefined, column: undefined },
    { function: program, file: `./${file}.bpf.c`, line, text, instruction: undefined, column: undefined },
  );
  assert.ok((error.location?.instruction ?? -1) > 0);
  assert.ok((error.location?.column ?? -1) > 0);
  const [first, second, third, ...tail] = error.message.split("\n");
  assert.equal(first, `The verifier refused the program "${program}" (section "sk_msg", EACCES): ${error.summary}`);
  assert.equal(
    second,
    `At instruction ${error.location?.instruction} in ${program}(), ./${file}.bpf.c:${line}: ${text}`,
  );
  assert.match(
    third ?? "",
    /^(The verifier's log:|End of the verifier's log \(\d+ lines before it are in error\.log\):)$/,
  );
  assert.ok(tail.length <= 8 && tail.at(-1) === `  ${error.summary}`, "the log's end");
  // The tail is that of the log, but for the statistics behind it.
  assert.ok(error.log.includes(tail.map((one) => one.slice(2)).join("\n")));
  assert.match(error.log, /processed \d+ insns[^\n]*\n$/);
}

for (const compiler of COMPILERS)
  for (const refused of REFUSED)
    test(`${refused.program} by ${compiler}: reason, source line, end of the log`, { skip }, () =>
      leavesNothing(() => {
        using bpf = Ebpf.load(fixture(refused.file, compiler));
        const program = bpf.program(refused.program);
        checkRefusal(
          throwsCode(() => program.load(), "ERR_VERIFIER"),
          refused,
        );
        assert.equal(program.isLoaded, false);
        // Nothing is used up: the same answer again.
        throwsCode(() => program.load(), "ERR_VERIFIER");
      }),
    );

test(
  "the whole log of 3 to 4 MiB is there, in order",
  {
    skip: skip || (TOO_LONG !== "" && "the log has more than 16 MiB on this kernel"),
  },
  () =>
    leavesNothing(() => {
      using bpf = Ebpf.load(fixture("verifier-long"));
      const error = throwsCode(() => bpf.program("long_log").load(), "ERR_VERIFIER");
      assert.ok(error instanceof VerifierError);
      assert.ok(error.log.length > 2 * 2 ** 20, `${error.log.length} bytes`);
      assert.ok(error.message.length < 4000, "a message that can be read");
      assert.match(error.log.slice(0, 500), /^(func#0 @0\n)?(0: R1=|; |0: \()/);
      assert.match(error.message, /\(\d{5,} lines before it are in error\.log\)/);
    }),
);

test("loadAsync is refused alike", { skip }, () =>
  leavesNothing(async () => {
    for (const refused of REFUSED) {
      using bpf = Ebpf.load(fixture(refused.file));
      const program = bpf.program(refused.program);
      checkRefusal(await rejectsCode(program.loadAsync(), "ERR_VERIFIER"), refused);
      assert.equal(program.isLoaded, false);
    }
  }),
);

test("with a verbose log the reason and the place are the same", { skip }, () =>
  leavesNothing(() => {
    for (const refused of REFUSED) {
      if (refused.file === "verifier-long") continue;
      using bpf = Ebpf.load(fixture(refused.file), { verifierLog: "verbose" });
      checkRefusal(
        throwsCode(() => bpf.program(refused.program).load(), "ERR_VERIFIER"),
        refused,
      );
    }
  }),
);

test("an object without line_info: the instruction, and what would show the line", { skip }, () =>
  leavesNothing(() => {
    // Returns without having set r0.
    const object = smallObject(true, (writer) => {
      const section = writer.code("sk_msg/second", assemble(true, [{ ...NOP, dst: 2 }, EXIT]));
      writer.symbol({ name: "second", section, size: 16, type: FUNC });
    });
    using bpf = Ebpf.load(object.build());
    const error = throwsCode(
      () => bpf.program("second").load(),
      "ERR_VERIFIER",
      /: R0 !read_ok\nAt instruction 1 in second\(\); compile with -g to see the source line\./,
    );
    assert.ok(error instanceof VerifierError);
    assert.equal(error.location?.line, undefined);
  }),
);

test("the verifier's log of a program that loaded", { skip }, () =>
  leavesNothing(() => {
    for (const [verifierLog, pattern] of [
      ["on-error", /^$/],
      ["stats", /verification time \d+ usec.*processed 2 insns/s],
      ["verbose", /1: \(95\) exit.*processed 2 insns/s],
    ] as const) {
      using bpf = Ebpf.load(fixture("pass"), { verifierLog });
      bpf.loadAll();
      assert.match(bpf.program("pass").verifierLog, pattern);
    }
  }),
);

test("a program that no kernel takes without a log says so", { skip }, () =>
  leavesNothing(() => {
    using bpf = Ebpf.load(fixture("unknown-section"), { programTypes: { skmsg_custom: UNKNOWN } });
    const [program] = bpf.programs.values();
    assert.ok(program);
    throwsCode(() => program.load(), "ERR_NOT_SUPPORTED", /EINVAL to BPF_PROG_LOAD.*does not know the program type/);
    using untyped = Ebpf.load(fixture("unknown-section"));
    throwsCode(
      () => untyped.program(program.name).load(),
      "ERR_UNKNOWN_SECTION",
      /section "skmsg_custom".*does not tell its type.*programTypes/,
    );
  }),
);
