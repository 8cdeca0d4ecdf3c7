import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ElfObject, type ProgramSpec } from "../../elf/index.ts";
import { COMPILERS, fixture } from "./helpers.ts";

/** Objects that libbpf loads, and that need no CO-RE. */
const NAMES = ["pass", "several", "subprogs", "globals", "strings", "traffic", "counter", "hash-array", "many-maps"];

const isPossible = process.getuid?.() === 0 && spawnSync("bpftool", ["version"]).status === 0;

/**
 * The kernel's tag of a program: a hash of its instructions, without the map references. It is SHA-1 on kernels before
 * 6.18, and SHA-256 since; either way the first 8 bytes.
 */
function tags(program: ProgramSpec): string[] {
  const bytes = Buffer.from(program.instructions);
  for (const { instruction, kind } of program.relocations) {
    const at = instruction * 8;
    bytes.writeUInt8((bytes.readUInt8(at + 1) & 0xf) | ((kind === "map" ? 1 : 2) << 4), at + 1);
    bytes.writeInt32LE(0, at + 4);
    bytes.writeInt32LE(0, at + 12);
  }
  return ["sha1", "sha256"].map((hash) => createHash(hash).update(bytes).digest("hex").slice(0, 16));
}

describe("the same program as libbpf's", { skip: !isPossible && "needs root and bpftool" }, () => {
  let mount = "";

  before(() => {
    mount = mkdtempSync(join(tmpdir(), "skmsg-elf-"));
    execFileSync("mount", ["-t", "bpf", "bpf", mount]);
  });
  after(() => {
    // Unmounting a bpffs of one's own drops all that is pinned there.
    execFileSync("umount", [mount]);
    rmdirSync(mount);
  });

  for (const compiler of COMPILERS) {
    for (const name of NAMES) {
      it(`${compiler}/${name}.o has the tag that bpftool's has`, () => {
        const path = fileURLToPath(new URL(`../fixtures/${compiler}/${name}.o`, import.meta.url));
        const pins = join(mount, `${compiler}-${name}`);
        execFileSync("bpftool", ["prog", "loadall", path, pins], { stdio: "pipe" });
        const { programs } = ElfObject.parse(fixture(`${compiler}/${name}.o`));
        assert.ok(programs.length > 0);
        for (const program of programs) {
          const pin = join(pins, program.name);
          assert.ok(existsSync(pin), program.name);
          const { tag } = JSON.parse(
            execFileSync("bpftool", ["-j", "prog", "show", "pinned", pin], { encoding: "utf8" }),
          );
          assert.ok(tags(program).includes(tag), `${program.name}: ${tag} is none of ${tags(program).join(", ")}`);
          // The tag leaves out where in a data map an instruction points, the listing does not.
          const listing = execFileSync("bpftool", ["prog", "dump", "xlated", "pinned", pin], { encoding: "utf8" });
          assert.deepEqual(
            [...listing.matchAll(/map\[id:\d+\]\[0\]\+(\d+)/g)].map((match) => Number(match[1])),
            program.relocations.flatMap((relocation) => (relocation.kind === "data" ? [relocation.offset] : [])),
          );
        }
      });
    }
  }
});
