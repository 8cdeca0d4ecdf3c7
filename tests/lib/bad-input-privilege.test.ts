import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isBpffs, unmountBpffs } from "skmsg/syscalls";
import { Child } from "../support/children.ts";
import { ownBpffs, skipWithoutRoot } from "../support/environment.ts";
import { leavesNothing } from "../support/leaks.ts";
import type { Tried } from "./children/unprivileged.ts";

const skip = skipWithoutRoot;
const bpffs = ownBpffs();
const folder = mkdtempSync(join(tmpdir(), "skmsg-mount-"));
after(() => rmdirSync(folder));

before(() => {
  if (skip) return;
  chmodSync(bpffs, 0o755);
  mkdirSync(join(bpffs, "closed"), { mode: 0o700 });
  mkdirSync(join(bpffs, "open"), { mode: 0o755 });
});

const SCRIPT = new URL("./children/unprivileged.ts", import.meta.url);

/** What each try came to in a process that has given that up; nothing of it stays. */
async function tried(drop: string): Promise<Tried> {
  return await leavesNothing(async () => {
    await using child = new Child(SCRIPT, drop, bpffs, folder);
    const result: Tried = await child.says();
    await child.end("exit");
    // Without privileges it could not remove its pins; with others it could mount and pin.
    for (const where of ["closed", "open"])
      for (const name of readdirSync(join(bpffs, where))) rmSync(join(bpffs, where, name));
    assert.equal(isBpffs(folder), result.mountBpffs?.code === "ok");
    if (isBpffs(folder)) unmountBpffs(folder);
    return result;
  });
}

const sysctl = existsSync("/proc/sys/kernel/unprivileged_bpf_disabled")
  ? readFileSync("/proc/sys/kernel/unprivileged_bpf_disabled", "utf8").trim()
  : "0";
const SYSCTL = sysctl === "0" ? "" : ` \\(the sysctl kernel\\.unprivileged_bpf_disabled is ${sysctl}\\)`;

/** The sentence about capabilities that are missing. */
function lacks(...names: string[]): RegExp {
  const also = names.includes("CAP_BPF") ? SYSCTL : "";
  const setcap = names.map((name) => name.toLowerCase()).join(",");
  return new RegExp(
    `the kernel answered E(PERM|ACCES) to \\w+\\. This process lacks ${names.join(" and ")}${also}\\. Run it as root, or grant it with: setcap ${setcap}\\+ep `,
  );
}

function expect(result: Tried, names: readonly string[], code: string, message: RegExp): void {
  for (const name of names) {
    assert.equal(result[name]?.code, code, `${name}: ${result[name]?.message}`);
    assert.match(result[name]?.message ?? "", message, name);
  }
}

const LISTING = [
  "loadedPrograms",
  "loadedMaps",
  "loadedLinks",
  "ProgramInfo.fromId",
  "MapInfo.fromId",
  "LinkInfo.fromId",
];
const MAPS = ["create SockMap", "create HashMap", "Ebpf.load"];

test("a user without privileges", { skip }, async () => {
  const result = await tried("nobody");
  expect(result, [...MAPS, "load"], "ERR_PERMISSION", lacks("CAP_BPF", "CAP_NET_ADMIN"));
  // Where the sysctl is 0, everybody may have an array.
  if (sysctl !== "0") expect(result, ["create ArrayMap"], "ERR_PERMISSION", lacks("CAP_BPF", "CAP_NET_ADMIN"));
  expect(result, [...LISTING, "mountBpffs"], "ERR_PERMISSION", lacks("CAP_SYS_ADMIN"));
  // Newer kernels tell what an fd is to whoever has it.
  if (result.info?.code !== "ok") expect(result, ["info"], "ERR_PERMISSION", lacks("CAP_BPF"));
  const closed = /^Cannot .*closed.*: a folder on the way is closed to this user\.$/;
  expect(result, ["open a pin in a closed folder", "unpin"], "ERR_PERMISSION", closed);
  // Older kernels do not even look at the file.
  const refused = ["open a closed pin", "pin in a closed folder", "pin in a folder of others"];
  expect(result, refused, "ERR_PERMISSION", /E(ACCES|PERM) to BPF_OBJ_\w+\. .* is not allowed|lacks CAP_BPF/);
  expect(result, ["listPins"], "ERR_PERMISSION", /closed to this user/);
  expect(result, ["memlock"], "same", /soft/);
});

test("without CAP_BPF and CAP_SYS_ADMIN", { skip }, async () => {
  const result = await tried("CAP_BPF,CAP_SYS_ADMIN");
  expect(result, [...MAPS, "create ArrayMap", "load"], "ERR_PERMISSION", lacks("CAP_BPF"));
  expect(result, [...LISTING, "mountBpffs"], "ERR_PERMISSION", lacks("CAP_SYS_ADMIN"));
});

test("without CAP_SYS_ADMIN alone, maps and programs work, and looking around does not", { skip }, async () => {
  const result = await tried("CAP_SYS_ADMIN");
  expect(
    result,
    [...MAPS, "create ArrayMap", "load", "attach", "attach plainly", "open a closed pin", "listPins"],
    "ok",
    /^$/,
  );
  expect(result, [...LISTING, "mountBpffs"], "ERR_PERMISSION", lacks("CAP_SYS_ADMIN"));
});

test("without CAP_NET_ADMIN, an array is all that works", { skip }, async () => {
  // CAP_SYS_ADMIN stands in for it, on newer kernels.
  const result = await tried("CAP_NET_ADMIN,CAP_SYS_ADMIN");
  expect(result, ["create ArrayMap"], "ok", /^$/);
  expect(result, ["load", "create SockMap", "Ebpf.load"], "ERR_PERMISSION", lacks("CAP_NET_ADMIN"));
});
