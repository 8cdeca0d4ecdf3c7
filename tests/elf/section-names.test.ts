import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Btf, meaningOfSection } from "../../elf/index.ts";
import { AttachType, ProgramType } from "../../elf/program-types.ts";

const KERNEL = "/sys/kernel/btf/vmlinux";

describe("section names", () => {
  for (const [name, type, attach] of [
    ["sk_msg", 16, 7],
    ["sk_msg/name", 16, 7],
    ["sk_msg12", 16, 7],
    ["sk_skb", 14, 0],
    ["sk_skb3", 14, 0],
    ["sk_skb/stream_parser", 14, 4],
    ["sk_skb/stream_verdict", 14, 5],
    ["sk_skb/verdict", 14, 38],
    ["sockops", 13, 3],
    ["socket", 1, 0],
    ["cgroup/skb", 8, 0],
    ["cgroup_skb/ingress", 8, 0],
    ["cgroup_skb/egress", 8, 1],
    ["cgroup/sock", 9, 2],
    ["cgroup/sock_release", 9, 34],
    ["cgroup/post_bind6", 9, 13],
    ["cgroup/connect4", 18, 10],
    ["cgroup/getpeername6", 18, 30],
    ["cgroup/connect_unix", 18, 49],
    ["cgroup/sysctl", 23, 18],
    ["cgroup/setsockopt", 25, 22],
    ["cgroup/dev", 15, 6],
    ["sk_lookup", 30, 36],
    ["sk_reuseport", 21, 39],
    ["sk_reuseport/migrate", 21, 40],
    ["xdp", 6, 37],
    ["xdp.frags/devmap", 6, 33],
    ["tc", 3, 0],
    ["tcx/egress", 3, 47],
    ["flow_dissector", 22, 17],
    ["kprobe/tcp_sendmsg", 2, 0],
    ["kprobe", 2, 0],
    ["kprobe.multi/tcp_*", 2, 42],
    ["tracepoint/sock/inet_sock_set_state", 5, 0],
    ["fentry/tcp_v4_connect", 26, 24],
    ["lsm.s/bpf", 29, 27],
    ["struct_ops/init", 27, 0],
    ["netfilter", 32, 45],
  ] as const) {
    it(name, () => {
      assert.deepEqual(meaningOfSection(name), { type, expectedAttachType: attach, autoload: true });
      assert.deepEqual(meaningOfSection(`?${name}`), { type, expectedAttachType: attach, autoload: false });
    });
  }

  it("that no rule knows", () => {
    for (const name of [
      "",
      "?",
      "skmsg",
      "sk_msgx",
      "sk_msg1x",
      "sk_skb/other",
      "kprobes",
      "sockops/x",
      "xdp/x",
      ".text",
    ]) {
      assert.equal(meaningOfSection(name).type, undefined, name);
      assert.equal(meaningOfSection(name).expectedAttachType, 0);
    }
  });

  it("lead to the numbers of the running kernel", { skip: !existsSync(KERNEL) && "no kernel BTF" }, () => {
    const btf = Btf.parse(new Uint8Array(readFileSync(KERNEL)));
    const numbers = (name: string): Map<string, number> => {
      const type = btf.type(btf.findByName(name, "enum") ?? 0);
      return new Map(
        type.kind === "enum"
          ? type.values.map((entry) => [entry.name.replaceAll("_", "").toLowerCase(), entry.value])
          : [],
      );
    };
    const programs = numbers("bpf_prog_type");
    for (const [name, value] of Object.entries(ProgramType)) {
      assert.equal(programs.get(`bpfprogtype${name.toLowerCase()}`), value, name);
    }
    const attach = numbers("bpf_attach_type");
    let known = 0;
    for (const [name, value] of Object.entries(AttachType)) {
      const found = attach.get(`bpf${name.toLowerCase()}`);
      if (found === undefined) continue;
      known += 1;
      assert.equal(found, value, name);
    }
    assert.ok(known > 40, `${known} names compared`);
  });
});
