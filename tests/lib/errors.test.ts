// vm: no, reads the sources
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  BtfError,
  CodecError,
  ElfError,
  LinkError,
  MapError,
  PinError,
  ProgramError,
  RelocationError,
  SkmsgError,
  SyscallError,
  VerifierError,
} from "skmsg";
import { Errno, ProgLoadError } from "skmsg/syscalls";
import { refusal } from "../../lib/errors/refusal.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Every code, and the test that provokes it on the running kernel. */
const PROVOKED: Readonly<Record<string, string>> = {
  ERR_ALREADY_ATTACHED: "attach",
  ERR_ALREADY_LOADED: "bad-input-calls",
  ERR_BAD_FD: "ownership-failures",
  ERR_BTF_MALFORMED: "bad-input-objects",
  ERR_BYTE_ORDER: "bad-input-files",
  ERR_CLOSED: "ownership-closed",
  ERR_CORE_AMBIGUOUS: "core",
  ERR_CORE_RELOCATION: "../elf/core-errors",
  ERR_ELF_CLASS: "bad-input-files",
  ERR_ELF_MACHINE: "bad-input-files",
  ERR_ELF_MALFORMED: "bad-input-files",
  ERR_ELF_TYPE: "../elf/errors",
  ERR_ELF_UNSUPPORTED: "../elf/errors",
  ERR_INDEX_OUT_OF_BOUNDS: "bad-input-values",
  ERR_INVALID_INPUT: "errors-rare",
  ERR_INVALID_MAP: "bad-input-calls",
  ERR_INVALID_OPTION: "bad-input-calls",
  ERR_INVALID_PATH: "bad-input-pins",
  ERR_INVALID_SIZE: "bad-input-values",
  ERR_INVALID_SOURCE: "bad-input-files",
  ERR_INVALID_TYPE: "bad-input-values",
  ERR_KEY_EXISTS: "bad-input-sockets",
  ERR_LINK: "errors-rare",
  ERR_LINK_BUSY: "ownership-failures",
  ERR_MAP: "errors-rare",
  ERR_MAP_BUSY: "maps",
  ERR_MAP_FULL: "bad-input-sockets",
  ERR_MAP_INCOMPATIBLE: "ownership-failures",
  ERR_MAP_TOO_LARGE: "bad-input-calls",
  ERR_MEMLOCK: "bad-input-memlock",
  ERR_NOT_A_FILE: "bad-input-files",
  ERR_NOT_A_SOCKET: "bad-input-sockets",
  ERR_NOT_BPFFS: "bad-input-pins",
  ERR_NOT_ELF: "bad-input-files",
  ERR_NOT_LOADED: "bad-input-calls",
  ERR_NOT_SUPPORTED: "bad-input-values",
  ERR_NO_BTF: "../elf/map-errors",
  ERR_NO_KERNEL_BTF: "core",
  ERR_NO_MEMORY: "bad-input-calls",
  ERR_NO_OBJECT: "bad-input-calls",
  ERR_NO_SUCH_FILE: "bad-input-files",
  ERR_NO_SUCH_ID: "bad-input-calls",
  ERR_NO_SUCH_KEY: "bad-input-sockets",
  ERR_NO_SUCH_LINK: "bad-input-calls",
  ERR_NO_SUCH_MAP: "bad-input-calls",
  ERR_NO_SUCH_PIN: "bad-input-pins",
  ERR_NO_SUCH_PROGRAM: "bad-input-calls",
  ERR_OUT_OF_RANGE: "bad-input-values",
  ERR_PERMISSION: "bad-input-privilege",
  ERR_PIN: "errors-rare",
  ERR_PIN_EXISTS: "bad-input-pins",
  ERR_PIN_NAME: "bad-input-pins",
  ERR_PIN_NO_FOLDER: "bad-input-pins",
  ERR_PROGRAM_TOO_LARGE: "errors-rare",
  ERR_READ_FILE: "bad-input-files",
  ERR_READ_ONLY: "maps",
  ERR_RELOCATION: "bad-input-objects",
  ERR_SOCKET_BUSY: "bad-input-sockets",
  ERR_SOCKET_CLOSED: "bad-input-sockets",
  ERR_SOCKET_NOT_CONNECTED: "bad-input-sockets",
  ERR_SYSCALL: "../syscalls/maps",
  ERR_TOO_MANY_FILES: "ownership-fds",
  ERR_UNEXPECTED_LINK_TYPE: "ownership-failures",
  ERR_UNEXPECTED_MAP_TYPE: "bad-input-calls",
  ERR_UNEXPECTED_PROGRAM: "links",
  ERR_UNEXPECTED_PROGRAM_TYPE: "bad-input-calls",
  ERR_UNKNOWN_SECTION: "bad-input-verifier",
  ERR_UNSUPPORTED_PLATFORM: "bad-input-platform",
  ERR_VERIFIER: "bad-input-verifier",
  ERR_WRITE_ONLY: "maps",
};

/** What cannot be had at will, and why. */
const NOT_PROVOKED: Readonly<Record<string, string>> = {
  ERR_BUSY: "an element that a program on another CPU is changing at the same moment",
  ERR_INFO: "a refusal to tell about an object with an errno that no kernel since 5.10 gives",
  ERR_PROGRAM_LOAD: "a refusal without a log and with an errno that no kernel since 5.10 gives to sk_msg programs",
  ERR_TEST_RUN: "a test run refused with an errno that no kernel since 5.10 gives where the input is sound",
};

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}

test("every code of the sources is in the tables above, and nothing else is", () => {
  const used = new Set(
    ["lib", "syscalls", "elf"].flatMap(sources).flatMap((text) => text.match(/\bERR_[A-Z_]*[A-Z]\b/g) ?? []),
  );
  assert.ok(used.size > 60);
  assert.deepEqual([...used].sort(), [...Object.keys(PROVOKED), ...Object.keys(NOT_PROVOKED)].sort());
  // A code put together at run time could not be found.
  for (const text of ["lib", "syscalls", "elf"].flatMap(sources))
    assert.doesNotMatch(text, /[`"]ERR_[A-Z_]*(\$\{|" \+)/);
});

test("the test that a code is said to be provoked by has it", () => {
  for (const [code, name] of Object.entries(PROVOKED)) {
    const path = join(ROOT, "tests", "lib", `${name}.test.ts`);
    assert.match(readFileSync(path, "utf8"), new RegExp(`"[^"]*\\b${code}\\b|/\\^?${code}\\b`), `${code} in ${name}`);
  }
});

const verifier = { cause: undefined, log: "log", summary: "reason", location: undefined };
const FAMILIES: readonly (readonly [string, SkmsgError])[] = [
  ["SkmsgError", new SkmsgError("ERR_CLOSED", "closed")],
  ["ProgramError", new ProgramError("ERR_CLOSED", "closed")],
  ["MapError", new MapError("ERR_CLOSED", "closed")],
  ["LinkError", new LinkError("ERR_CLOSED", "closed")],
  ["PinError", new PinError("ERR_PIN", "pin")],
  ["CodecError", new CodecError("ERR_OUT_OF_RANGE", "range")],
  ["VerifierError", new VerifierError("refused", verifier)],
];
const OTHERS = [
  ["ElfError", new ElfError("ERR_NOT_ELF", "text")],
  ["BtfError", new BtfError("ERR_NO_BTF", "none")],
  ["RelocationError", new RelocationError("ERR_RELOCATION", "nowhere")],
  ["SyscallError", new SyscallError("BPF_MAP_CREATE", 1)],
  ["ProgLoadError", new ProgLoadError(13, "log")],
] as const;

test("every error of the package is an Error and a SkmsgError, by its mark", () => {
  for (const [name, error] of [...FAMILIES, ...OTHERS]) {
    assert.ok(error instanceof Error, name);
    assert.ok(error instanceof SkmsgError, name);
    assert.equal(error.name, name);
    assert.match(error.code, /^ERR_/);
    assert.ok(!Object.keys(error).includes("skmsg.error"), "the mark is not seen");
  }
});

test("a family is only itself", () => {
  const classes = {
    ProgramError,
    MapError,
    LinkError,
    PinError,
    CodecError,
    VerifierError,
    ElfError,
    BtfError,
    RelocationError,
    SyscallError,
    ProgLoadError,
  };
  const kin: Readonly<Record<string, readonly string[]>> = {
    VerifierError: ["ProgramError", "VerifierError"],
    ProgLoadError: ["SyscallError", "ProgLoadError"],
  };
  for (const [name, error] of [...FAMILIES, ...OTHERS])
    for (const [className, one] of Object.entries(classes))
      assert.equal(error instanceof one, (kin[name] ?? [name]).includes(className), `${name} instanceof ${className}`);
});

test("what is no error of the package is no SkmsgError", () => {
  for (const value of [
    new Error("x"),
    new TypeError("x"),
    { code: "ERR_CLOSED" },
    undefined,
    null,
    "ERR_CLOSED",
    5,
    () => {},
  ])
    assert.equal(value instanceof SkmsgError, false);
});

test("an error of a second copy of the package is a SkmsgError as well", () => {
  class Foreign extends Error {
    readonly code: string = "ERR_CLOSED";
    static {
      Object.defineProperty(this.prototype, Symbol.for("skmsg.error"), { value: true });
    }
  }
  assert.ok(new Foreign("x") instanceof SkmsgError);
  assert.ok(!(new Foreign("x") instanceof MapError));
});

test("errno, errnoName and cause", () => {
  const cause = new SyscallError("BPF_LINK_CREATE", 16);
  assert.deepEqual(
    [cause.code, cause.errno, cause.errnoName, cause.command],
    ["ERR_SYSCALL", 16, "EBUSY", "BPF_LINK_CREATE"],
  );
  assert.equal(cause.message, "BPF_LINK_CREATE failed: EBUSY");
  const error = new LinkError("ERR_LINK_BUSY", "busy", { cause });
  assert.deepEqual([error.cause, error.errno, error.errnoName], [cause, 16, "EBUSY"]);
  for (const other of [new LinkError("ERR_LINK", "x"), new LinkError("ERR_LINK", "x", { cause: new Error("y") })])
    assert.deepEqual([other.errno, other.errnoName], [undefined, undefined]);
  assert.equal(new SyscallError("bpf", 524).errnoName, "ENOTSUPP");
  assert.equal(new SyscallError("bpf", 9999).errnoName, "errno 9999");
});

test("an errno that no table knows comes out as the family's own code, and says what the kernel said", () => {
  const how = { family: ProgramError, asked: "Cannot load it", reasons: {}, code: "ERR_PROGRAM_LOAD" };
  for (const [name, errno] of Object.entries(Errno)) {
    const error = refusal(new SyscallError("BPF_PROG_LOAD", errno), how);
    assert.ok(error instanceof ProgramError);
    if (name === "EMFILE" || name === "ENFILE") {
      assert.equal(error.code, "ERR_TOO_MANY_FILES");
      continue;
    }
    assert.equal(error.code, "ERR_PROGRAM_LOAD");
    assert.equal(error.message, `Cannot load it: the kernel answered ${name} to BPF_PROG_LOAD.`);
    assert.equal(error.errnoName, name);
  }
});

test("what the kernel did not say passes through", () => {
  const how = { family: MapError, asked: "Cannot", reasons: {}, code: "ERR_MAP" };
  for (const error of [
    new TypeError("x"),
    new MapError("ERR_CLOSED", "x"),
    new SyscallError("fd", 9, { code: "ERR_CLOSED" }),
    "text",
  ])
    assert.equal(refusal(error, how), error);
});
