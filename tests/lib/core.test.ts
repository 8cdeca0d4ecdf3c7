import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ArrayMap, Ebpf, SkMsg, SockMap, type TargetBtf, u64, VerifierError } from "skmsg";
import { Btf, ElfObject } from "skmsg/elf";
import { Types } from "../elf/core-helpers.ts";
import { inVm, skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { COMPILERS, type Compiler, fixture } from "../support/fixtures.ts";
import { KernelBtf, skipWithoutKernelBtf } from "../support/kernelBtf.ts";
import { receive, tcpPair, write } from "../support/sockets.ts";

const skip = skipWithoutRoot || skipWithoutKernelBtf;
const compilers = inVm ? (["clang-19"] as const) : COMPILERS;
const folder = mkdtempSync(join(tmpdir(), "skmsg-core-"));
after(() => rmSync(folder, { recursive: true }));

const MESSAGE = "seventeen bytes..";

/** What the programs of a fixture leave in its map, after one message past each of them. */
async function sent(name: string, map: string, count: number, compiler: Compiler): Promise<(bigint | undefined)[]> {
  using bpf = Ebpf.load(fixture(name, compiler));
  bpf.loadAll();
  for (const program of bpf.programs.keys()) {
    using sockets = SockMap.create({ maxEntries: 1 });
    bpf.program(program, SkMsg).attach(sockets);
    await using pair = await tcpPair();
    sockets.insert(0, pair.client);
    const arrived = receive(pair.peer, MESSAGE.length);
    await write(pair.client, MESSAGE);
    await arrived;
  }
  const values = bpf.map(map, ArrayMap<bigint>, { value: u64 });
  return Array.from({ length: count }, (_, index) => values.get(index));
}

/** Byte offset and width of a member of a struct of this kernel. */
function place(kernel: KernelBtf, struct: string, member: string): readonly [bigint, bigint] {
  const composite = kernel.composite("struct", struct) ?? assert.fail(`this kernel has no struct ${struct}`);
  const found = kernel.fields(composite).get(member);
  return found === undefined ? assert.fail(`no ${struct}.${member}`) : [BigInt(found[0]), BigInt(found[1])];
}

describe("CO-RE on the running kernel", { skip }, () => {
  const at = (struct: string, member: string): readonly [bigint, bigint] => place(new KernelBtf(), struct, member);
  const pid = BigInt(process.pid);

  for (const compiler of compilers) {
    it(`fields, ${compiler}`, async () => {
      const seen = await sent("core-fields", "FIELDS", 16, compiler);
      const comm = readFileSync("/proc/self/comm", "latin1");
      const [offset, size] = at("task_struct", "comm");
      assert.equal(seen[0], pid);
      assert.equal(seen[1], pid);
      assert.equal(seen[2], BigInt(comm.charCodeAt(3)));
      assert.equal(seen[3], at("task_struct", "se.vruntime")[0]);
      assert.deepEqual(seen.slice(4, 12), [size, 1n, offset + 2n, 1n, 0n, 1n, 0n, 32n]);
      assert.equal(seen[12], at("sock", "__sk_common.skc_dport")[0]);
      assert.equal(seen[13], 32n);
      assert.equal(seen[14], at("bpf_prog", "insnsi")[0] + 16n);
      assert.equal(seen[15], 0n);
    });

    it(`bit fields, ${compiler}`, async () => {
      const seen = await sent("core-bitfields", "BITFIELDS", 10, compiler);
      const [offset = 0n, size = 0n, sign, left = 0n, right] = seen;
      const [position = 0, width = 0] = bitsOf("task_struct", "in_execve");
      assert.equal(size, 4n);
      assert.equal(sign, 0n);
      assert.equal(right, BigInt(64 - width));
      assert.equal(offset * 8n + 64n - left - BigInt(width), BigInt(position), "the bit field, by offset and shift");
      assert.deepEqual(seen.slice(5), [0n, 1n, 1n, pid, 0n]);
    });

    it(`flavours, ${compiler}`, async () => {
      const [state, ...rest] = await sent("core-flavours", "FLAVOURS", 4, compiler);
      assert.equal(state, 0n);
      const isNew = bitsOf("task_struct", "__state").length > 0;
      assert.deepEqual(rest, [isNew ? 2n : 1n, 0n, 0n]);
    });

    it(`enums, ${compiler}`, async () => {
      const seen = await sent("core-enums", "ENUMS", 7, compiler);
      assert.deepEqual(seen, [18n, 1n, 0n, 0n, 7n, 0n, 0n]);
    });

    it(`types, ${compiler}`, async () => {
      const seen = await sent("core-types", "TYPES", 15, compiler);
      const btf = Btf.parse(readFileSync("/sys/kernel/btf/vmlinux"));
      const id = btf.findByName("sk_msg", "struct") ?? assert.fail();
      const own = ElfObject.parse(readFileSync(fixture("core-types", compiler))).btf;
      const local = own?.findByName("sk_msg___cut", "struct") ?? assert.fail();
      assert.deepEqual(seen.slice(0, 3), [BigInt(btf.sizeOf(id)), BigInt(id), BigInt(local)]);
      assert.deepEqual(seen.slice(3, 11), [1n, 0n, 1n, 1n, 1n, 0n, 0n, 0n]);
      // clang-14 has no such question.
      assert.deepEqual(seen.slice(11), compiler === "clang-14" ? [0n, 0n, 0n, 0n] : [1n, 0n, 1n, 0n]);
    });

    it(`accesses to the context, ${compiler}`, async () => {
      const AF_INET = 2n;
      assert.deepEqual(await sent("core-resized", "RESIZED", 3, compiler), [BigInt(MESSAGE.length), AF_INET, 0n]);
    });

    it(`subprograms that two programs share, ${compiler}`, async () => {
      const [offset] = at("task_struct", "pid");
      assert.deepEqual(await sent("core-subprogs", "SUBPROGS", 3, compiler), [pid, pid, offset]);
    });
  }

  it("a reachable access to what is not there: the error names it, not the helper number", () => {
    using bpf = Ebpf.load(fixture("core-missing"));
    const refused = (name: string, message: RegExp): void => {
      const error = throwsCode(() => bpf.program(name).load(), "ERR_VERIFIER", message);
      assert.ok(error instanceof VerifierError);
      assert.match(error.summary, /bpf_core_field_exists/);
      assert.match(error.log, /unknown#195896080/);
      assert.match(error.location?.file ?? "", /core-missing\.bpf\.c$/);
    };
    refused(
      "missing_field",
      /the offset of struct task_struct___missing\.no_such_field\[2\] \(0:0:0:2 @ offset 8\) is asked/,
    );
    refused("missing_value", /the value of enum bpf_map_type___missing::BPF_MAP_TYPE_NO_SUCH is asked for/);
    refused(
      "wrong_size",
      /struct sk_msg_md___missing\.size .* is for an access to 8 bytes, and .*sk_msg_md\.size .* has 4/,
    );
  });
});

/** Bit offset and width of a member, also in anonymous members; nothing if the struct does not have it. */
function bitsOf(struct: string, name: string): number[] {
  const btf = Btf.parse(readFileSync("/sys/kernel/btf/vmlinux"));
  const search = (id: number, base: number): number[] => {
    const type = btf.type(btf.skipModifiers(id));
    if (type.kind !== "struct" && type.kind !== "union") return [];
    for (const member of type.members) {
      if (member.name === name) return [base + member.bitOffset, member.bitFieldSize];
      const inner = member.name === "" ? search(member.type, base + member.bitOffset) : [];
      if (inner.length > 0) return inner;
    }
    return [];
  };
  return search(btf.findByName(struct, "struct") ?? assert.fail(), 0);
}

describe("the option targetBtf", { skip: skipWithoutRoot }, () => {
  /** A kernel whose context of sk_msg programs has these members. */
  const context = (...names: readonly (readonly [struct: string, offset: number])[]): Uint8Array => {
    const types = new Types();
    for (const [struct, offset] of names)
      types.struct(struct, 72, [
        ["family", types.u32, 128],
        ["size", types.u32, offset * 8],
      ]);
    return types.build();
  };
  const REAL = ["sk_msg_md", 68] as const;

  it("bytes, a path, a file: URL", () => {
    const path = join(folder, "kernel.btf");
    writeFileSync(path, context(REAL));
    for (const targetBtf of [context(REAL), path, pathToFileURL(path), pathToFileURL(path).href]) {
      using bpf = Ebpf.load(fixture("core-resized"), { targetBtf });
      bpf.loadAll();
    }
  });

  it("is what the relocations go by", () => {
    using none = Ebpf.load(fixture("core-resized"), { targetBtf: new Types().build() });
    throwsCode(() => none.loadAll(), "ERR_VERIFIER", /the offset of struct sk_msg_md___resized\.size /);
    const targetBtf = context(REAL, ["sk_msg_md___2", 64]);
    using both = Ebpf.load(fixture("core-resized"), { targetBtf });
    const message =
      /program "core_resized" .*\[\d+\] struct sk_msg_md\.size .* gives 68; .*struct sk_msg_md___2\.size .* gives 64/;
    throwsCode(() => both.loadAll(), "ERR_CORE_AMBIGUOUS", message);
    assert.equal(both.program("core_resized").isLoaded, false);
  });

  it("is not read for a program without relocations", () => {
    using bpf = Ebpf.load(fixture("pass"), { targetBtf: "/no/such/file" });
    bpf.loadAll();
  });

  it("without it, a kernel that shows no types is an error that says so", { skip: inVm && "needs tsx" }, () => {
    const child = fileURLToPath(new URL("children/no-kernel-btf.ts", import.meta.url));
    const script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"';
    const load = (name: string): string => {
      const command = [process.execPath, "--import", "tsx", child, fixture(name)];
      const { stdout, stderr } = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", ...command], {
        encoding: "utf8",
      });
      return stdout || stderr;
    };
    assert.match(load("core-resized"), /^ERR_NO_KERNEL_BTF .*\/sys\/kernel\/btf\/vmlinux .*targetBtf/);
    assert.equal(load("pass"), "loaded\n");
  });

  it("and otherwise must be there, and be BTF", () => {
    const load = (targetBtf: unknown): void => {
      using bpf = Ebpf.load(fixture("core-resized"), { targetBtf: targetBtf as TargetBtf }); // what JavaScript allows
      bpf.loadAll();
    };
    throwsCode(() => load("/no/such/file"), "ERR_NO_SUCH_FILE", /\/no\/such\/file/);
    throwsCode(() => load("/"), "ERR_NOT_A_FILE", /a BTF file is wanted/);
    throwsCode(() => load(new Uint8Array(100)), "ERR_BTF_MALFORMED");
    throwsCode(() => load(fixture("no-btf")), "ERR_NO_BTF");
    throwsCode(() => load(5), "ERR_INVALID_OPTION", /targetBtf is a path/);
  });
});
