import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import {
  AttachType,
  Ebpf,
  GenericProgram,
  loadedPrograms,
  openPinned,
  Program,
  ProgramInfo,
  ProgramType,
  SkMsg,
} from "skmsg";
import { assertAttached, Counter, NONE, ONLY_A, ONLY_B } from "../support/counter.ts";
import { inVm, kernel, ownBpffs, skipWithoutRoot as skip } from "../support/environment.ts";
import { rejectsCode, throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";

const bpffs = ownBpffs();
let pins = 0;
const newPath = (): string => join(bpffs, `p${pins++}`);

describe("the same program again", { skip }, () => {
  /** Ways to a second object for a loaded program. */
  const ways: Record<string, (program: SkMsg) => SkMsg> = {
    fromFd: ({ fd }) => SkMsg.fromFd(fd),
    fromProgramInfo: (program) => SkMsg.fromProgramInfo(program.info()),
    "fromProgramInfo of an id": (program) => SkMsg.fromProgramInfo(ProgramInfo.fromId(program.info().id)),
    fromPin: (program) => {
      const path = newPath();
      program.pin(path);
      return SkMsg.fromPin(path);
    },
    openPinned: (program) => {
      const path = newPath();
      program.pin(path);
      const opened = openPinned(path);
      assert.ok(opened instanceof SkMsg);
      return opened;
    },
    "info().open()": (program) => SkMsg.from(program.info().open()),
    loadedPrograms: (program) => {
      const { id } = program.info();
      return SkMsg.fromProgramInfo([...loadedPrograms()].find((info) => info.id === id) ?? assert.fail());
    },
  };

  for (const [name, open] of Object.entries(ways))
    it(`${name} gives one that is loaded, of its own fd, and works`, async () => {
      using counter = new Counter();
      const { a, hash } = counter;
      using same = open(a);
      assert.notEqual(same, a);
      assert.notEqual(same.fd, a.fd);
      assert.equal(same.isLoaded, true);
      assert.deepEqual(
        [same.name, same.type, same.attachType, same.info().id, same.info().tag],
        ["count_a", ProgramType.SkMsg, AttachType.SkMsgVerdict, a.info().id, a.info().tag],
      );
      a.close();
      const id = same.attach(hash);
      assert.deepEqual(await counter.seenOn(hash), ONLY_A);
      same.detach(id);
      assert.deepEqual(await counter.seenOn(hash), NONE);
    });

  it("the whole name can be given where the kernel has cut it", () => {
    using bpf = Ebpf.load(fixture("long-names"));
    const program = bpf.program("a_program_with_a_very_long_name_one", SkMsg);
    program.load();
    using cut = SkMsg.fromProgramInfo(program.info());
    using whole = SkMsg.fromProgramInfo(program.info(), program.name);
    assert.deepEqual([cut.name, whole.name], ["a_program_with_", "a_program_with_a_very_long_name_one"]);
  });

  it("from is a checked conversion of the same object", () => {
    using bpf = Ebpf.load(fixture("types"));
    const program = bpf.program("message");
    assert.equal(SkMsg.from(program), program);
    assert.equal(Program.from(program), program);
    assert.equal(GenericProgram.from(bpf.program("sock_ops")), bpf.program("sock_ops"));
    const says = /"sock_ops" is of type SockOps, and SkMsg was asked for/;
    throwsCode(() => SkMsg.from(bpf.program("sock_ops")), "ERR_UNEXPECTED_PROGRAM_TYPE", says);
    throwsCode(
      () => GenericProgram.from(program),
      "ERR_UNEXPECTED_PROGRAM_TYPE",
      /SkMsg, and GenericProgram was asked/,
    );
  });

  it("another type or kind is refused, wherever it comes from", () => {
    using counter = new Counter();
    using bpf = Ebpf.load(fixture("types"));
    const sockOps = bpf.program("sock_ops");
    sockOps.load();
    const [program, map] = [newPath(), newPath()];
    sockOps.pin(program);
    counter.hash.pin(map);
    for (const open of [
      () => SkMsg.fromPin(program),
      () => SkMsg.fromFd(sockOps.fd),
      () => SkMsg.fromProgramInfo(sockOps.info()),
    ])
      throwsCode(open, "ERR_UNEXPECTED_PROGRAM_TYPE", /"sock_ops" is of type SockOps, and SkMsg was asked for/);
    throwsCode(() => SkMsg.fromPin(map), "ERR_UNEXPECTED_PROGRAM_TYPE", /is no program but a map/);
    throwsCode(() => SkMsg.fromFd(counter.hash.fd), "ERR_UNEXPECTED_PROGRAM_TYPE", /is no program but a map/);
    using generic = GenericProgram.fromPin(program);
    assert.equal(generic.info().id, sockOps.info().id);
  });
});

describe("load and unload", { skip }, () => {
  it("unloads, and loads again as another program of the same tag", async () => {
    using counter = new Counter();
    const { b, hash } = counter;
    const before = b.info();
    throwsCode(() => b.load(), "ERR_ALREADY_LOADED", /"count_b" is already loaded\. unload\(\) it first/);
    b.attach(hash);
    b.unload();
    assert.equal(b.isLoaded, false);
    assertAttached(hash);
    throwsCode(() => b.fd, "ERR_NOT_LOADED");
    throwsCode(() => b.unload(), "ERR_NOT_LOADED");
    b.load();
    assert.notEqual(b.info().id, before.id);
    assert.equal(b.info().tag, before.tag);
    b.attach(hash);
    assert.deepEqual(await counter.seenOn(hash), ONLY_B);
  });

  it("one that has no object behind it cannot be loaded", () => {
    using counter = new Counter();
    using same = SkMsg.fromFd(counter.a.fd);
    same.unload();
    throwsCode(() => same.load(), "ERR_NO_OBJECT", /no object file behind it to load from\. Use Ebpf\.load\(\)/);
  });

  it("loadAsync leaves the event loop free, and is a load like the other", async () => {
    using bpf = Ebpf.load(fixture("several"));
    using other = Ebpf.load(fixture("several"));
    const programs = [...bpf.programs.values()];
    const loading = Promise.all(programs.map((program) => program.loadAsync()));
    assert.ok(programs.every((program) => !program.isLoaded));
    for (const program of programs) {
      throwsCode(() => program.load(), "ERR_ALREADY_LOADED", /is being loaded/);
      await rejectsCode(program.loadAsync(), "ERR_ALREADY_LOADED", /is being loaded/);
    }
    await loading;
    other.loadAll();
    assert.deepEqual(
      programs.map((program) => program.info().tag),
      [...other.programs.values()].map((program) => program.info().tag),
    );
    await rejectsCode(programs[0]?.loadAsync() ?? assert.fail(), "ERR_ALREADY_LOADED", /is already loaded/);
  });

  it("loadAsync tells the verifier's refusal, and may be tried again", async () => {
    using bpf = Ebpf.load(fixture("verifier-refused"));
    for (const program of bpf.programs.values())
      for (let tries = 0; tries < 2; tries++) {
        await rejectsCode(program.loadAsync(), "ERR_VERIFIER", new RegExp(`refused the program "${program.name}"`));
        assert.equal(program.isLoaded, false);
      }
  });

  it("loadAll is all or nothing", () => {
    using bpf = Ebpf.load(fixture("unknown-section"));
    throwsCode(() => bpf.loadAll(), "ERR_UNKNOWN_SECTION");
    using refused = Ebpf.load(fixture("verifier-refused"));
    throwsCode(() => refused.loadAll(), "ERR_VERIFIER");
    assert.ok([...refused.programs.values()].every((program) => !program.isLoaded));
    using several = Ebpf.load(fixture("several"));
    several.program("second").load();
    const { id } = several.program("second").info();
    several.loadAll();
    assert.equal(several.program("second").info().id, id);
    assert.ok([...several.programs.values()].every((program) => program.isLoaded));
  });
});

describe("pins of a program", { skip }, () => {
  it("it outlives its object, and unpin removes only what this object pinned or was opened from", () => {
    using counter = new Counter();
    const { a } = counter;
    const { id } = a.info();
    a.unpin();
    const [first, second, third] = [newPath(), newPath(), newPath()];
    a.pin(first);
    a.pin(second);
    using other = SkMsg.fromPin(first);
    other.pin(third);
    a.close();
    assert.equal(ProgramInfo.fromPin(second).id, id);
    other.unpin();
    assert.deepEqual(
      [first, second, third].map((path) => existsSync(path)),
      [false, true, false],
    );
    using last = SkMsg.fromPin(second);
    last.unpin();
    assert.equal(existsSync(second), false);
  });
});

describe("what is shown", { skip }, () => {
  it("console.log shows a program on one line", () => {
    using counter = new Counter();
    const { a, hash, map } = counter;
    const { id, tag } = a.info();
    const line = (links: number): string => `SkMsg { name: 'count_a', id: ${id}, tag: '${tag}', links: ${links} }`;
    assert.match(tag, /^[0-9a-f]{16}$/);
    assert.equal(inspect(a), line(0));
    a.attach(hash, { mode: "prog" });
    a.attach(map, { mode: "prog" });
    assert.equal(inspect(a), line(2));
    a.unload();
    assert.equal(inspect(a), "SkMsg { name: 'count_a', not loaded, links: 0 }");
    using bpf = Ebpf.load(fixture("types"));
    assert.equal(inspect(bpf.program("sock_ops")), "GenericProgram { name: 'sock_ops', not loaded }");
  });

  it("info tells what the kernel knows", () => {
    using counter = new Counter();
    const info = counter.a.info();
    const stats = counter.bpf.map("STATS");
    assert.deepEqual([info.name, info.type, info.mapIds], ["count_a", ProgramType.SkMsg, [stats.id]]);
    assert.equal(info.gplCompatible, true);
    assert.equal(info.createdByUid, 0);
    assert.ok(info.sizeTranslated > 0 && info.sizeTranslated % 8 === 0);
    assert.equal(info.insns().length, info.sizeTranslated);
    // /proc/uptime, by which it is counted, has hundredths of a second.
    assert.ok(Math.abs(info.loadedAt.getTime() - Date.now()) < (inVm ? 60_000 : 10_000));
    if (kernel >= 516) assert.ok((info.verifiedInstructions ?? 0) > 0);
    else assert.equal(info.verifiedInstructions, undefined);
    assert.deepEqual(JSON.parse(JSON.stringify(info)).mapIds, [stats.id]);
  });
});

describe("testRun", { skip }, () => {
  it("of a socket filter gives what it returned", () => {
    using bpf = Ebpf.load(fixture("types"));
    const program = bpf.program("socket_filter");
    throwsCode(() => program.testRun(), "ERR_NOT_LOADED");
    program.load();
    // The program returns the length of the packet, of which the kernel takes the Ethernet header away.
    for (const length of [64, 200]) {
      const { retval, duration } = program.testRun({ data: new Uint8Array(length), repeat: 3 });
      assert.equal(retval, length - 14);
      assert.equal(typeof duration, "number");
    }
    // It comes back with zeros in place of that.
    const data = new Uint8Array(64).fill(7);
    const left = new Uint8Array(64).fill(7).fill(0, 0, 14);
    assert.deepEqual(program.testRun({ data, dataOutSize: 64 }).data, left);
    throwsCode(() => program.testRun({ data: new Uint8Array(3) }), "ERR_INVALID_INPUT", /at least 14 bytes/);
  });

  it("of an sk_msg program: the kernel has none", () => {
    using counter = new Counter();
    throwsCode(
      () => counter.a.testRun({ data: new Uint8Array(64) }),
      "ERR_NOT_SUPPORTED",
      /^Cannot test the SkMsg program "count_a": the kernel answered ENOTSUPP .*no test run for this type/,
    );
  });
});
