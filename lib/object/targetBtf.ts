import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { Btf, type CoreTargets, parseTargetBtf } from "../../elf/index.ts";
import { MAP_PRIVATE, Mapping, PROT_READ } from "../../syscalls/index.ts";
import { SkmsgError } from "../errors/classes.ts";
import { pathOf, readFile } from "./source.ts";

/** The types of a kernel, for CO-RE: a path, a `file:` URL, or the bytes of such a file. */
export type TargetBtf = string | URL | Uint8Array;

/** Where the running kernel shows its types and those of its modules. */
const FOLDER = "/sys/kernel/btf";
const KERNEL = "vmlinux";

/** What `targetBtf` says, else the running kernel and its modules. Read when a relocation needs it, and then once. */
export function targetsOf(target: TargetBtf | undefined): CoreTargets {
  if (target === undefined) return runningKernel;
  if (typeof target !== "string" && !(target instanceof URL) && !(target instanceof Uint8Array))
    throw new SkmsgError(
      "ERR_INVALID_OPTION",
      `targetBtf is a path, a file: URL or a Uint8Array with the BTF of a kernel, not ${typeof target}.`,
    );
  let parsed: Btf | undefined;
  return {
    kernel: () => {
      parsed ??= parseTargetBtf(target instanceof Uint8Array ? target : readFile(pathOf(target), "a BTF file"));
      return parsed;
    },
  };
}

/** Kept for the process: the kernel does not change, and its types are 5 MB. */
class RunningKernel implements CoreTargets {
  #kernel: Btf | undefined;
  /** By name, with what a module that was loaded anew under that name changes. */
  readonly #modules = new Map<string, { readonly inode: number; readonly btf: Btf }>();

  kernel(): Btf {
    this.#kernel ??= Btf.parse(readKernel());
    return this.#kernel;
  }

  modules(): readonly Btf[] {
    const names = readdirSync(FOLDER).filter((name) => name !== KERNEL);
    return names.sort().flatMap((name) => this.#module(name) ?? []);
  }

  #module(name: string): Btf | undefined {
    const path = `${FOLDER}/${name}`;
    try {
      const inode = statSync(path).ino;
      const known = this.#modules.get(name);
      if (known?.inode === inode) return known.btf;
      const btf = Btf.parse(readFileSync(path), { base: this.kernel() });
      this.#modules.set(name, { inode, btf });
      return btf;
    } catch (error) {
      // Unloaded since the folder was read.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }
}

const runningKernel = new RunningKernel();

function readKernel(): Uint8Array {
  const path = `${FOLDER}/${KERNEL}`;
  try {
    return mapOrRead(path);
  } catch (cause) {
    throw new SkmsgError(
      "ERR_NO_KERNEL_BTF",
      `The program has CO-RE relocations, for which the kernel's types are needed, and ${path} cannot be read (${cause instanceof Error ? cause.message : cause}). The kernel has it if it was built with CONFIG_DEBUG_INFO_BTF=y and sysfs is mounted. Else give the BTF of exactly this kernel: Ebpf.load(source, { targetBtf: "vmlinux.btf" }).`,
      { cause },
    );
  }
}

/** Mapped where the kernel lets it (Linux 6.16), for the rest of the process: it is read a page at a time, by 1,300 system calls. */
function mapOrRead(path: string): Uint8Array {
  const fd = openSync(path, "r");
  try {
    return new Mapping(fd, fstatSync(fd).size, PROT_READ, 0, MAP_PRIVATE).bytes;
  } catch {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
