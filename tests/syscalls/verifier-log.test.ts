import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ElfObject } from "skmsg/elf";
import {
  EACCES,
  littleEndian,
  MapType,
  Memory,
  mapCreate,
  type OwnedFd,
  type ProgLoadAttr,
  ProgLoadError,
  ProgramType,
  progLoad,
  progLoadAsync,
} from "skmsg/syscalls";
import { kernel, skipWithoutRoot } from "../support/environment.ts";
import { fixtureBytes } from "../support/fixtures.ts";
import { loadAttr, returning } from "../support/instructions.ts";
import { raiseMemoryLock } from "../support/memlock.ts";

/** A program of a fixture whose only map is a HASH of u32 to u64, with that map's fd in its instructions. */
function refusedAttr(fixture: string, program: string, map: OwnedFd): ProgLoadAttr {
  const object = ElfObject.parse(fixtureBytes(fixture));
  const spec = object.programs.find(({ name }) => name === program) ?? assert.fail(program);
  const insns = Memory.from(spec.instructions);
  for (const { instruction } of spec.relocations) {
    // BPF_PSEUDO_MAP_FD
    insns.view.setUint8(
      instruction * 8 + 1,
      (insns.view.getUint8(instruction * 8 + 1) & 0x0f) | (littleEndian ? 0x10 : 1),
    );
    insns.view.setInt32(instruction * 8 + 4, map.fd, littleEndian);
  }
  return loadAttr(ProgramType.SkMsg, returning(0), {
    insns,
    insn_cnt: insns.bytes.length / 8,
    expected_attach_type: spec.expectedAttachType,
  });
}

/** How a log ends; at the level of the statistics there are more of them. */
const REASON_AND_STATISTICS =
  /invalid mem access 'map_value_or_null'\n(verification time .*\nstack depth .*\n)?processed \d+ insns.*\n$/;

/** Of this program they write more than 16 MiB, the most that there is room for. */
const skipVerbose = kernel < 600 && "kernels before 6.0 write more than fits";

function failure(action: () => unknown): ProgLoadError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof ProgLoadError, String(error));
    return error;
  }
  return assert.fail("nothing was thrown");
}

raiseMemoryLock();

describe("the verifier's log", { skip: skipWithoutRoot }, () => {
  const hash = (): OwnedFd => mapCreate({ map_type: MapType.Hash, key_size: 4, value_size: 8, max_entries: 1 });

  it("of a short refusal", () => {
    using map = hash();
    const error = failure(() => progLoad(refusedAttr("verifier-refused", "null_value", map)));
    assert.equal(error.errno, EACCES);
    assert.equal(error.command, "BPF_PROG_LOAD");
    assert.match(error.log, /invalid mem access 'map_value_or_null'\n/);
    assert.match(error.log, /\nprocessed \d+ insns/);
    assert.ok(error.log.length < 64 * 1024);
  });

  it("longer than the first buffer: whole, as text, with the reason at the end", { skip: skipVerbose }, () => {
    using map = hash();
    const error = failure(() => progLoad(refusedAttr("verifier-long", "long_log", map)));
    assert.equal(error.errno, EACCES, "not ENOSPC");
    assert.ok(error.log.length > 1024 * 1024, `${error.log.length} characters`);
    assert.ok(!error.log.includes("\0") && !error.log.includes("\ufffd"));
    // Whole: it begins with the first instruction and ends with the reason and the statistics.
    assert.match(error.log.slice(0, 2000), /^0: /m);
    assert.match(error.log.slice(-2000), REASON_AND_STATISTICS);
  });

  it("longer than the largest buffer: the reason without the rest", {
    skip: !skipVerbose && "needs Linux 5.10",
  }, () => {
    using map = hash();
    const error = failure(() => progLoad(refusedAttr("verifier-long", "long_log", map)));
    assert.equal(error.errno, EACCES, "not ENOSPC");
    assert.match(error.log, REASON_AND_STATISTICS);
  });

  it("off the event loop the same, while timers run", async () => {
    using map = hash();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const error: unknown = await progLoadAsync(refusedAttr("verifier-long", "long_log", map)).catch((e: unknown) => e);
    clearInterval(timer);
    assert.ok(error instanceof ProgLoadError);
    assert.equal(error.errno, EACCES);
    assert.match(error.log, REASON_AND_STATISTICS);
    assert.ok(turns > 0);
  });

  it("of a program that loads: nothing, statistics, or every instruction, as asked", () => {
    const logOf = (level?: number): string => {
      const { fd, log } = progLoad(loadAttr(ProgramType.SocketFilter, returning(1)), level);
      fd.close();
      return log;
    };
    assert.equal(logOf(), "");
    const statistics = logOf(4);
    assert.match(statistics, /^processed 2 insns/m);
    assert.doesNotMatch(statistics, /^0: \(b7\)/m);
    const verbose = logOf(2);
    assert.match(verbose, /^0: \(b7\) r0 = 1/m);
    assert.match(verbose, /^processed 2 insns/m);
  });

  it("asked for at once, a refusal has it too", () => {
    using map = hash();
    const attr = refusedAttr("verifier-refused", "null_value", map);
    assert.match(failure(() => progLoad(attr, 2)).log, /map_value_or_null/);
    assert.match(failure(() => progLoad(attr, 4)).log, /^processed \d+ insns/m);
  });

  it("is empty where the kernel refuses before the verifier", () => {
    const error = failure(() => progLoad(loadAttr(9999, returning(0))));
    assert.equal(error.log, "");
    assert.equal(error.errnoName, "EINVAL");
  });
});
