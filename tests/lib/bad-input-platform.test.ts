// vm: no, nothing here depends on the kernel
import assert from "node:assert/strict";
import { test } from "node:test";
import { SkmsgError } from "skmsg";
import { SyscallError, type SyscallNumbers, syscallNumbers } from "skmsg/syscalls";
import { Child } from "../support/children.ts";
import { skipWithoutRoot } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import type { Imported } from "./children/imports.ts";

const skip = skipWithoutRoot;
const ENTRIES = ["skmsg", "skmsg/elf", "skmsg/syscalls"];

test("another operating system: ERR_UNSUPPORTED_PLATFORM", () => {
  for (const platform of ["darwin", "win32", "freebsd", "android", ""]) {
    const error = throwsCode(
      () => syscallNumbers(platform, "x64"),
      "ERR_UNSUPPORTED_PLATFORM",
      new RegExp(`^eBPF is a facility of the Linux kernel, and this is ${platform}\\. Only "skmsg/elf" works here`),
    );
    assert.ok(error instanceof SyscallError && error instanceof SkmsgError);
    assert.equal(error.errnoName, "ENOSYS");
  }
});

test("an architecture that is not known: ERR_UNSUPPORTED_PLATFORM", () => {
  for (const arch of ["mips", "ia32", "sparc", "", "toString", "__proto__"])
    throwsCode(
      () => syscallNumbers("linux", arch),
      "ERR_UNSUPPORTED_PLATFORM",
      new RegExp(`^The system call numbers of ${arch} are not known\\..*x64, arm64, arm, riscv64, ppc64, loong64`),
    );
});

test("every architecture has every number, s390x too", () => {
  const names: readonly (keyof SyscallNumbers)[] = ["bpf", "close", "fcntl", "mount", "umount2", "prlimit64"];
  for (const arch of ["x64", "arm64", "arm", "riscv64", "ppc64", "loong64", "s390x"]) {
    const numbers = syscallNumbers("linux", arch);
    assert.deepEqual(Object.keys(numbers).sort(), [...names].sort(), arch);
    for (const name of names) assert.ok(Number.isInteger(numbers[name]) && numbers[name] > 0, `${arch} ${name}`);
  }
  assert.equal(syscallNumbers("linux", "s390x").bpf, 351);
  assert.deepEqual(syscallNumbers(), syscallNumbers("linux", process.arch));
});

async function imported(...args: string[]): Promise<Imported> {
  await using child = new Child(new URL("./children/imports.ts", import.meta.url), ...args);
  return await child.says();
}

for (const entry of ENTRIES)
  test(`importing ${entry} loads no koffi and opens nothing`, { skip }, async () => {
    const { exports, opened, koffi, call, koffiAfter } = await imported(entry);
    assert.ok(exports.length > 5);
    assert.deepEqual(opened, []);
    assert.deepEqual(koffi, [false, false]);
    assert.match(
      call,
      { skmsg: /^ERR_PIN_NO_FOLDER /, "skmsg/elf": /^none$/, "skmsg/syscalls": /^ok$/ }[entry] ?? /^$/,
    );
    // To see that it would have been seen.
    assert.equal(koffiAfter, entry !== "skmsg/elf");
  });

for (const [as, entries, message] of [
  ["darwin", ENTRIES, /^ERR_UNSUPPORTED_PLATFORM eBPF is a facility of the Linux kernel, and this is darwin\./],
  ["mips", ["skmsg"], /^ERR_UNSUPPORTED_PLATFORM The system call numbers of mips are not known\./],
  [
    "no-koffi",
    ["skmsg"],
    /^ERR_UNSUPPORTED_PLATFORM koffi, .*, has no binary for linux \w+ or is not installed\. Only "skmsg\/elf"/,
  ],
] as const)
  test(`as on ${as} ${entries.join(", ")} can be imported, and the first system call says what is missing`, {
    skip,
  }, async () => {
    for (const entry of entries) {
      const { exports, call, koffiAfter } = await imported(entry, as);
      assert.ok(exports.length > 5);
      assert.match(call, entry === "skmsg/elf" ? /^none$/ : message);
      assert.equal(koffiAfter, false);
    }
  });
