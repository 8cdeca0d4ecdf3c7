import { type AttrValues, textUntilNul } from "./attr.ts";
import { call, callForFd, check, type Outcome, run, runAsync } from "./command.ts";
import { ENOSPC } from "./errno.ts";
import { ProgLoadError } from "./errors.ts";
import { OwnedFd } from "./fd.ts";
import {
  PROG_ATTACH,
  PROG_BIND_MAP,
  PROG_LOAD,
  PROG_QUERY,
  PROG_STREAM_READ,
  PROG_TEST_RUN,
  RAW_TRACEPOINT_OPEN,
} from "./layouts.ts";
import { Memory } from "./memory.ts";
import { littleEndian } from "./platform.ts";

/** Sizes tried for the verifier's log, in bytes; the last is the most that kernels before 5.2 take (u32 max >> 8). */
const LOG_SIZES = [64 * 1024, 1024 * 1024, 16 * 1024 * 1024 - 1] as const;

/**
 * Bit of `log_level` that leaves out the instructions, not the reason. Kernels before 6.4 keep the beginning of a log that is
 * too long for its buffer, and so not the reason: this is then the last resort.
 */
const LOG_STATISTICS = 4;

export type ProgLoadAttr = Omit<AttrValues<typeof PROG_LOAD>, "log_level" | "log_size" | "log_buf" | "log_true_size">;

export interface LoadedProgram {
  readonly fd: OwnedFd;
  /** What the verifier wrote; empty unless asked for. */
  readonly log: string;
}

/**
 * BPF_PROG_LOAD. Without `logLevel` the first try keeps no log, which is faster; a refusal is repeated with one.
 * @param logLevel bits of `log_level`: 1 branches, 2 every instruction, 4 statistics.
 * @throws ProgLoadError with the errno of the first refusal and the log.
 */
export function progLoad(attr: ProgLoadAttr, logLevel = 0): LoadedProgram {
  const steps = loadSteps(attr, logLevel);
  let step = steps.next();
  while (!step.done) step = steps.next(run("BPF_PROG_LOAD", PROG_LOAD, step.value));
  return step.value;
}

/** The same with the verifier at work on another thread. */
export async function progLoadAsync(attr: ProgLoadAttr, logLevel = 0): Promise<LoadedProgram> {
  const steps = loadSteps(attr, logLevel);
  let step = steps.next();
  while (!step.done) step = steps.next(await runAsync("BPF_PROG_LOAD", PROG_LOAD, step.value));
  return step.value;
}

function* loadSteps(
  attr: ProgLoadAttr,
  logLevel: number,
): Generator<AttrValues<typeof PROG_LOAD>, LoadedProgram, Outcome> {
  let refusal = 0;
  if (logLevel === 0) {
    const { result } = yield attr;
    if (result >= 0) return { fd: new OwnedFd(result), log: "" };
    refusal = -result;
  }
  for (let size: number = LOG_SIZES[0]; ; ) {
    const { outcome, log } = yield* tryWithLog(attr, logLevel || 1, size);
    // Loaded after all: the first refusal was a passing one, as libbpf takes it too.
    if (outcome.result >= 0) return { fd: new OwnedFd(outcome.result), log };
    const next = outcome.result === -ENOSPC ? nextLogSize(size, outcome.attr) : undefined;
    if (next === undefined) {
      const whole = outcome.result !== -ENOSPC || log.includes("\nprocessed ");
      throw new ProgLoadError(
        refusal || -outcome.result,
        whole ? log : (yield* tryWithLog(attr, LOG_STATISTICS, LOG_SIZES[0])).log,
      );
    }
    size = next;
  }
}

function* tryWithLog(
  attr: ProgLoadAttr,
  level: number,
  size: number,
): Generator<AttrValues<typeof PROG_LOAD>, { outcome: Outcome; log: string }, Outcome> {
  const buffer = new Memory(size);
  const outcome = yield { ...attr, log_level: level, log_size: size, log_buf: buffer, log_true_size: 0 };
  return { outcome, log: textUntilNul(buffer.bytes) };
}

/** What the kernel says it needed (Linux 6.4 on), else the next size of the list; undefined where there is no larger one. */
function nextLogSize(size: number, attr: Memory): number | undefined {
  const needed = attr.view.getUint32(PROG_LOAD.log_true_size[0], littleEndian);
  const largest = LOG_SIZES[2];
  if (size >= largest) return undefined;
  if (needed > size) return Math.min(needed, largest);
  return LOG_SIZES.find((candidate) => candidate > size);
}

/** BPF_PROG_ATTACH. @throws SyscallError */
export function progAttach(attr: AttrValues<typeof PROG_ATTACH>): void {
  call("BPF_PROG_ATTACH", PROG_ATTACH, attr);
}

/** BPF_PROG_DETACH. @throws SyscallError */
export function progDetach(attr: AttrValues<typeof PROG_ATTACH>): void {
  call("BPF_PROG_DETACH", PROG_ATTACH, attr);
}

export interface ProgQuery {
  readonly programIds: readonly number[];
  readonly attachFlags: number;
}

/**
 * BPF_PROG_QUERY: ids of the programs attached to a cgroup, or (since Linux 5.18) to a sockmap.
 * @throws SyscallError
 */
export function progQuery(targetFd: number, attachType: number, queryFlags?: number): ProgQuery {
  for (let room = 16; ; room *= 4) {
    const ids = new Memory(room * 4);
    const outcome = run("BPF_PROG_QUERY", PROG_QUERY, {
      target_fd: targetFd,
      attach_type: attachType,
      query_flags: queryFlags,
      prog_ids: ids,
      prog_cnt: room,
    });
    if (outcome.result === -ENOSPC && room < 65_536) continue;
    const { attr } = check("BPF_PROG_QUERY", outcome);
    const count = attr.view.getUint32(PROG_QUERY.prog_cnt[0], littleEndian);
    const programIds = Array.from({ length: count }, (_, index) => ids.view.getUint32(index * 4, littleEndian));
    return { programIds, attachFlags: attr.view.getUint32(PROG_QUERY.attach_flags[0], littleEndian) };
  }
}

export interface TestRunInput {
  /** Packet bytes; most types want at least 14. */
  readonly data?: Uint8Array;
  /** Room for the packet as the program leaves it, in bytes. */
  readonly dataOutSize?: number;
  /** The context struct of the program type. */
  readonly context?: Uint8Array;
  readonly contextOutSize?: number;
  readonly repeat?: number;
  /** `BPF_F_TEST_*`. */
  readonly flags?: number;
  readonly cpu?: number;
  readonly batchSize?: number;
}

export interface TestRunResult {
  /** What the program returned. */
  readonly retval: number;
  /** Mean nanoseconds of a run. */
  readonly duration: number;
  readonly data: Uint8Array;
  readonly context: Uint8Array;
}

/** BPF_PROG_TEST_RUN. @throws SyscallError `ENOTSUPP` where the program type cannot be run so. */
export function progTestRun(progFd: number, input: TestRunInput = {}): TestRunResult {
  const dataIn = input.data && Memory.from(input.data);
  const dataOut = input.dataOutSize ? new Memory(input.dataOutSize) : undefined;
  const contextIn = input.context && Memory.from(input.context);
  const contextOut = input.contextOutSize ? new Memory(input.contextOutSize) : undefined;
  const { attr } = call("BPF_PROG_TEST_RUN", PROG_TEST_RUN, {
    prog_fd: progFd,
    data_size_in: dataIn?.bytes.length,
    data_size_out: dataOut?.bytes.length,
    data_in: dataIn,
    data_out: dataOut,
    repeat: input.repeat,
    ctx_size_in: contextIn?.bytes.length,
    ctx_size_out: contextOut?.bytes.length,
    ctx_in: contextIn,
    ctx_out: contextOut,
    flags: input.flags,
    cpu: input.cpu,
    batch_size: input.batchSize,
  });
  const u32 = (offset: number): number => attr.view.getUint32(offset, littleEndian);
  return {
    retval: u32(PROG_TEST_RUN.retval[0]),
    duration: u32(PROG_TEST_RUN.duration[0]),
    data: dataOut?.bytes.slice(0, u32(PROG_TEST_RUN.data_size_out[0])) ?? new Uint8Array(),
    context: contextOut?.bytes.slice(0, u32(PROG_TEST_RUN.ctx_size_out[0])) ?? new Uint8Array(),
  };
}

/** BPF_PROG_BIND_MAP (Linux 5.10): the program holds the map from here on. @throws SyscallError */
export function progBindMap(progFd: number, mapFd: number): void {
  call("BPF_PROG_BIND_MAP", PROG_BIND_MAP, { prog_fd: progFd, map_fd: mapFd });
}

/** BPF_PROG_STREAM_READ_BY_FD (Linux 6.17): bytes of a program's stdout (1) or stderr (2). @throws SyscallError */
export function progStreamRead(progFd: number, streamId: number, size: number): Uint8Array {
  const buffer = new Memory(size);
  const { result } = call("BPF_PROG_STREAM_READ_BY_FD", PROG_STREAM_READ, {
    stream_buf: buffer,
    stream_buf_len: size,
    stream_id: streamId,
    prog_fd: progFd,
  });
  return buffer.bytes.slice(0, result);
}

/** BPF_RAW_TRACEPOINT_OPEN. @throws SyscallError */
export function rawTracepointOpen(progFd: number, name?: string, cookie?: bigint): OwnedFd {
  const text = name === undefined ? undefined : Memory.cString(name);
  return callForFd("BPF_RAW_TRACEPOINT_OPEN", RAW_TRACEPOINT_OPEN, { name: text, prog_fd: progFd, cookie });
}
