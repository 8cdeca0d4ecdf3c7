import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { AttachType, Ebpf, type HasFd, LinkError, LinkInfo, LinkType, SkMsg, SockHash } from "skmsg";
import { linkDetach } from "skmsg/syscalls";
import { assertAttached, Counter, NONE, ONLY_A, ONLY_B } from "../support/counter.ts";
import { ownBpffs, skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { fixture } from "../support/fixtures.ts";
import { MODES, meaning, skipMode } from "../support/modes.ts";
import { tcpPair } from "../support/sockets.ts";

const bpffs = ownBpffs();

for (const mode of MODES)
  describe(`takeLink, mode ${mode}`, { skip: skipMode(mode) }, () => {
    for (const [what, end] of [
      ["unload()", (counter: Counter) => counter.a.unload()],
      ["close() of the program", (counter: Counter) => counter.a.close()],
      ["close() of the object", (counter: Counter) => counter.bpf.close()],
    ] as const)
      it(`the link survives ${what}, until it is detached`, async () => {
        using counter = new Counter();
        using program = SkMsg.fromFd(counter.a.fd);
        using map = SockHash.fromId<SockHash<number>>(counter.hash.id);
        const link = counter.a.takeLink(counter.a.attach(counter.hash, { mode }));
        assert.deepEqual(counter.a.links, []);
        end(counter);
        assertAttached(map, program);
        link.detach();
        assertAttached(map);
        throwsCode(() => link.detach(), "ERR_CLOSED");
      });

    it("an id is good once, and for its program only", () => {
      using counter = new Counter();
      const { a, b, hash } = counter;
      const id = a.attach(hash, { mode });
      throwsCode(() => b.takeLink(id), "ERR_NO_SUCH_LINK", /"count_b" tracks no such link/);
      using link = a.takeLink(id);
      throwsCode(() => a.takeLink(id), "ERR_NO_SUCH_LINK");
      throwsCode(() => a.detach(id), "ERR_NO_SUCH_LINK");
      assertAttached(hash, a);
      link.detach();
    });

    it("disposing detaches, and again has no effect", () => {
      using counter = new Counter();
      const link = counter.a.takeLink(counter.a.attach(counter.hash, { mode }));
      link[Symbol.dispose]();
      assertAttached(counter.hash);
      link[Symbol.dispose]();
      for (const use of [() => link.id, () => link.info(), () => link.update(counter.b), () => link.pin(`${bpffs}/x`)])
        throwsCode(use, "ERR_CLOSED", /detached, closed or given away/);
    });

    it("update puts another program in the place, with no moment between", async () => {
      using counter = new Counter();
      const { a, b, hash } = counter;
      await using early = await tcpPair();
      using link = a.takeLink(a.attach(hash, { mode }));
      hash.insert(1, early.client);
      link.update(b);
      assertAttached(hash, b);
      assert.deepEqual(await counter.seenOn(hash), ONLY_B);
      // Bound when it was inserted.
      assert.deepEqual(await counter.seenOf(early), ONLY_A);
      // A program on its way out may go: the link holds the new one.
      a.close();
      b.close();
      assert.deepEqual(await counter.seenOn(hash), ONLY_B);
      link.detach();
      assert.deepEqual(await counter.seenOn(hash), NONE);
    });

    it("update refuses a program of another type, one that is not loaded, and what is none", () => {
      using counter = new Counter();
      using types = Ebpf.load(fixture("types"));
      const other = types.program("stream_verdict");
      using link = counter.a.takeLink(counter.a.attach(counter.hash, { mode }));
      throwsCode(() => link.update(other), "ERR_NOT_LOADED");
      other.load();
      const says = /^Cannot update the .*: the kernel answered EINVAL .* must have the type and attach type of the one/;
      for (const wrong of [other, counter.hash] satisfies HasFd[])
        throwsCode(() => link.update(wrong), "ERR_UNEXPECTED_PROGRAM_TYPE", says);
      assertAttached(counter.hash, counter.a);
    });
  });

describe("what only a bpf link can do", { skip: skipMode("link") }, () => {
  it("info tells program, map and attach type", () => {
    using counter = new Counter();
    const { a, b, hash } = counter;
    using link = a.takeLink(a.attach(hash, { mode: "link" }));
    const told = (): unknown[] => {
      const { id, type, programId, mapId, attachType } = link.info();
      return [id, type, programId, mapId, attachType];
    };
    const rest = [hash.id, AttachType.SkMsgVerdict];
    assert.deepEqual(told(), [link.id, LinkType.SockMap, a.info().id, ...rest]);
    link.update(b);
    assert.deepEqual(told(), [link.id, LinkType.SockMap, b.info().id, ...rest]);
    assert.deepEqual(LinkInfo.fromId(link.id ?? 0), link.info());
  });

  it("update with the program that is expected, right and wrong", async () => {
    using counter = new Counter();
    const { a, b, hash } = counter;
    using link = a.takeLink(a.attach(hash, { mode: "link" }));
    const says = /^Cannot update the link: the kernel answered EPERM .* is not the one that was expected/;
    const error = throwsCode(() => link.update(b, { expected: b }), "ERR_UNEXPECTED_PROGRAM", says);
    assert.ok(error instanceof LinkError);
    assert.equal(error.errnoName, "EPERM");
    assertAttached(hash, a);
    link.update(b, { expected: a });
    assertAttached(hash, b);
    assert.deepEqual(await counter.seenOn(hash), ONLY_B);
    throwsCode(() => link.update(a, { expected: a }), "ERR_UNEXPECTED_PROGRAM");
    assertAttached(hash, b);
  });

  it("one that somebody else detached takes no program any more, and can be let go", () => {
    using counter = new Counter();
    const { a, b, hash } = counter;
    const link = a.takeLink(a.attach(hash, { mode: "link" }));
    using other = link.info().fd();
    linkDetach(other.fd);
    assertAttached(hash);
    assert.equal(link.info().mapId, undefined);
    const error = throwsCode(() => link.update(b), "ERR_NO_SUCH_LINK", /Somebody else has detached it/);
    assert.equal(error.errnoName, "ENOLINK");
    link.detach();
  });

  it("pinning that fails leaves it attached and in hand", async () => {
    using counter = new Counter();
    const { a, hash } = counter;
    const link = a.takeLink(a.attach(hash, { mode: "link" }));
    const { id } = link;
    const taken = join(bpffs, "taken");
    mkdirSync(taken);
    for (const [path, code] of [
      [join(bpffs, "a.link"), "ERR_PIN_NAME"],
      [join(bpffs, "missing/link"), "ERR_PIN_NO_FOLDER"],
      ["/proc/link", "ERR_NOT_BPFFS"],
      [taken, "ERR_PIN_EXISTS"],
      ["", "ERR_INVALID_PATH"],
    ] as const) {
      throwsCode(() => link.pin(path), code);
      assert.equal(link.id, id);
      assertAttached(hash, a);
    }
    assert.deepEqual(await counter.seenOn(hash), ONLY_A);
    using pinned = link.pin(join(bpffs, "link"));
    assert.equal(pinned.id, id);
    throwsCode(() => link.id, "ERR_CLOSED");
    pinned.detach();
  });
});

it("a plain attach says what it cannot do", { skip }, () => {
  using counter = new Counter();
  const { a, b, hash } = counter;
  using link = a.takeLink(a.attach(hash, { mode: "prog" }));
  assert.equal(link.id, undefined);
  for (const [action, so] of [
    [() => link.info(), "there is no information"],
    [() => link.pin(join(bpffs, "plain")), "it cannot be pinned"],
    [() => link.update(b, { expected: a }), "the kernel cannot check the program that is expected"],
  ] as const)
    throwsCode(action, "ERR_NOT_SUPPORTED", new RegExp(`plain attach and no bpf link, so ${so}\\. .* \\(Linux 6\\.10`));
  assertAttached(hash, a);
});

it("console.log shows a link on one line", { skip }, () => {
  using counter = new Counter();
  const { a, hash } = counter;
  const link = a.takeLink(a.attach(hash));
  const held = meaning("auto") === "link" ? `id: ${link.id}` : "plain attach";
  assert.equal(inspect(link), `SkMsgLink { ${held} }`);
  link.detach();
  assert.equal(inspect(link), "SkMsgLink { detached }");
});
