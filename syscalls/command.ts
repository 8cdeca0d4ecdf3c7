import { ATTR_SIZE, type AttrValues, writeAttr } from "./attr.ts";
import { Command } from "./constants.ts";
import { EAGAIN, EINTR } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import { OwnedFd } from "./fd.ts";
import { bpf, numbers, syscallAsync } from "./ffi.ts";
import type { Layout } from "./layouts.ts";
import { Memory } from "./memory.ts";

export type CommandName = keyof typeof Command;

/** As many calls as libbpf makes while a signal interrupts the verifier (tools/lib/bpf/bpf.c, PROG_LOAD_ATTEMPTS). */
const ATTEMPTS = 5;

/** The thread's block for `union bpf_attr`: a synchronous call is over before the next one writes to it. */
let shared: Memory | undefined;

/** What a call left behind: the result or negative errno, and the attr with the fields that the kernel wrote. */
export interface Outcome {
  readonly result: number;
  /** Valid until the next command on this thread. */
  readonly attr: Memory;
}

/** One bpf(2) command, repeated where a signal got in the way. Values stay reachable, with the memory they point to, until it returns. */
export function run<L extends Layout>(command: CommandName, layout: L, values: AttrValues<L>): Outcome {
  shared ??= new Memory(ATTR_SIZE);
  const attr = shared;
  let result = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // Written anew each time, since the kernel writes into it; this also keeps `values` alive across the call.
    const size = writeAttr(attr, layout, values);
    result = bpf(Command[command], attr.address, size);
    if (result !== -EINTR && result !== -EAGAIN) break;
  }
  return { result, attr };
}

/** The same off the event loop, with an attr of its own. */
export async function runAsync<L extends Layout>(
  command: CommandName,
  layout: L,
  values: AttrValues<L>,
): Promise<Outcome> {
  const attr = new Memory(ATTR_SIZE);
  let result = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const size = writeAttr(attr, layout, values);
    result = await syscallAsync(numbers().bpf, Command[command], attr.address, size);
    if (result !== -EINTR && result !== -EAGAIN) break;
  }
  return { result, attr };
}

/** @throws SyscallError with the kernel's errno. */
export function check(command: CommandName, outcome: Outcome): Outcome {
  if (outcome.result < 0) throw new SyscallError(command, -outcome.result);
  return outcome;
}

/** Runs a command for its effect. @throws SyscallError */
export function call<L extends Layout>(command: CommandName, layout: L, values: AttrValues<L>): Outcome {
  return check(command, run(command, layout, values));
}

/** Runs a command that answers with a new fd. @throws SyscallError */
export function callForFd<L extends Layout>(command: CommandName, layout: L, values: AttrValues<L>): OwnedFd {
  return new OwnedFd(call(command, layout, values).result);
}
