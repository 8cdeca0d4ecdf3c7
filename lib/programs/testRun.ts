import { EINVAL, ENOSPC, ENOTSUPP, progTestRun, type TestRunInput, type TestRunResult } from "../../syscalls/index.ts";
import { ProgramError } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";

const REASONS: Reasons = {
  [ENOTSUPP]: {
    code: "ERR_NOT_SUPPORTED",
    why: "The kernel has no test run for this type of program (sk_msg among them).",
  },
  [ENOSPC]: {
    code: "ERR_INVALID_INPUT",
    why: "The program leaves more bytes than there is room for: raise dataOutSize or contextOutSize.",
  },
  [EINVAL]: {
    code: "ERR_INVALID_INPUT",
    why: "The data or the context is not what this type of program takes: most want at least 14 bytes of packet.",
  },
};

/** BPF_PROG_TEST_RUN. @param program names it in errors. @throws ProgramError `ERR_NOT_SUPPORTED`, `ERR_INVALID_INPUT` */
export function testRun(fd: number, program: string, input: TestRunInput): TestRunResult {
  const how = { family: ProgramError, asked: `Cannot test ${program}`, reasons: REASONS, code: "ERR_TEST_RUN" };
  return explained(how, () => progTestRun(fd, input));
}
