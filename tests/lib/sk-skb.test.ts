/** sk_skb programs have no class yet: they load as GenericProgram and attach by system calls. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AttachType, Ebpf, GenericProgram, SkMsg, SockMap, SyscallError } from "skmsg";
import { linkCreate, progAttach, progDetach } from "skmsg/syscalls";
import { skipBelow } from "../support/environment.ts";
import { fixture } from "../support/fixtures.ts";
import { skipMode } from "../support/modes.ts";

const { SkSkbStreamParser: PARSER, SkSkbStreamVerdict: STREAM_VERDICT, SkSkbVerdict: VERDICT } = AttachType;

/** A SockMap, and a program for each attach type. */
class Programs {
  readonly types: Ebpf = Ebpf.load(fixture("types"));
  readonly verdicts: Ebpf = Ebpf.load(fixture("sk-skb-verdict"));
  readonly map: SockMap = this.verdicts.map("MAP", SockMap);
  readonly message: SkMsg = this.types.program("message", SkMsg);

  constructor() {
    this.types.loadAll();
    this.verdicts.loadAll();
  }

  fd(type: AttachType): number {
    if (type === VERDICT) return this.verdicts.program("verdict", GenericProgram).fd;
    return this.types.program(type === PARSER ? "stream_parser" : "stream_verdict", GenericProgram).fd;
  }

  attach(type: AttachType): void {
    progAttach({ attach_bpf_fd: this.fd(type), target_fd: this.map.fd, attach_type: type });
  }

  detach(type: AttachType): void {
    progDetach({ attach_bpf_fd: this.fd(type), target_fd: this.map.fd, attach_type: type });
  }

  [Symbol.dispose](): void {
    this.types.close();
    this.verdicts.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof SyscallError && error.errnoName === "EBUSY";
}

describe("a stream verdict and a verdict exclude each other", { skip: skipBelow("5.13") }, () => {
  for (const [first, second, name] of [
    [STREAM_VERDICT, VERDICT, "stream verdict first"],
    [VERDICT, STREAM_VERDICT, "verdict first"],
  ] as const) {
    it(`${name}: EBUSY, until that one is detached`, () => {
      using programs = new Programs();
      programs.attach(first);
      assert.throws(() => programs.attach(second), isBusy);
      programs.detach(first);
      programs.attach(second);
    });

    it(`${name}, by links`, { skip: skipMode("link") }, () => {
      using programs = new Programs();
      const link = (type: AttachType): ReturnType<typeof linkCreate> =>
        linkCreate({ prog_fd: programs.fd(type), target_fd: programs.map.fd, attach_type: type });
      const held = link(first);
      assert.throws(() => link(second), isBusy);
      assert.throws(() => programs.attach(second), isBusy);
      held.close();
      link(second).close();
    });
  }

  it("a stream parser and an sk_msg program go with either", () => {
    using programs = new Programs();
    programs.message.attach(programs.map);
    programs.attach(PARSER);
    programs.attach(STREAM_VERDICT);
    programs.detach(STREAM_VERDICT);
    programs.attach(VERDICT);
  });
});
