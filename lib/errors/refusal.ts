import { EACCES, EMFILE, ENFILE, EPERM, SyscallError } from "../../syscalls/index.ts";
import type { ErrorFamily, SkmsgError } from "./classes.ts";
import { type Capability, privilegeInTheWay } from "./privilege.ts";

/** Why the kernel gives an errno in a certain place, and what to do about it. */
export interface Reason {
  readonly code: string;
  readonly why: string;
}

/** Known reasons by errno. */
export type Reasons = Readonly<Record<number, Reason>>;

/** Reasons that are the same wherever a file descriptor is made. */
const ANYWHERE: Reasons = {
  [EMFILE]: {
    code: "ERR_TOO_MANY_FILES",
    why: "This process has as many files open as it may (RLIMIT_NOFILE). Close what is not needed, or raise the limit: ulimit -n.",
  },
  [ENFILE]: {
    code: "ERR_TOO_MANY_FILES",
    why: "The whole system has as many files open as it may (the sysctl fs.file-max).",
  },
};

export interface Refusal {
  readonly family: ErrorFamily;
  /** What was asked, beginning a sentence: `Cannot attach "x" to the map "y"`. */
  readonly asked: string;
  readonly reasons: Reasons;
  /** Where the errno has no reason in the table. */
  readonly code: string;
  /** Capabilities that the command wants; checked when the kernel answers EPERM, or EACCES without a reason of its own. */
  readonly needs?: readonly Capability[];
}

/** The one place where the kernel's refusal becomes an error for people. What is no SyscallError passes through. */
export function refusal(cause: unknown, { family, asked, reasons, code, needs = [] }: Refusal): unknown {
  if (!(cause instanceof SyscallError) || cause.code !== "ERR_SYSCALL") return cause;
  return explain(cause, family, asked, reasons, code, needs);
}

function explain(
  cause: SyscallError,
  family: ErrorFamily,
  asked: string,
  reasons: Reasons,
  code: string,
  needs: readonly Capability[],
): SkmsgError {
  const said = `${asked}: the kernel answered ${cause.errnoName} to ${cause.command}.`;
  // EACCES is also what a file's owner and mode forbid, where the table says so.
  const denied = cause.errno === EPERM || (cause.errno === EACCES && reasons[EACCES] === undefined);
  const privilege = denied ? privilegeInTheWay(needs) : undefined;
  if (privilege !== undefined) return new family("ERR_PERMISSION", `${said} ${privilege}`, { cause });
  const reason = reasons[cause.errno] ?? ANYWHERE[cause.errno];
  return new family(reason?.code ?? code, reason === undefined ? said : `${said} ${reason.why}`, { cause });
}

/** Runs `action`; a refusal by the kernel comes out as the family's error. */
export function explained<T>(how: Refusal, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw refusal(error, how);
  }
}
