import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { ElfError, ElfObject } from "../../elf/index.ts";
import { littleEndian } from "../../syscalls/index.ts";

/** Where an object comes from: a path, a `file:` URL, the bytes of an ELF file, or one that is parsed already. */
export type ObjectSource = string | URL | Uint8Array | ElfObject;

export interface NamedObject {
  readonly object: ElfObject;
  /** The file's name up to its first dot, with which libbpf names the maps of data sections; empty without a file. */
  readonly name: string;
}

/**
 * Reads and parses.
 * @throws ElfError `ERR_NO_SUCH_FILE`, `ERR_NOT_A_FILE`, `ERR_READ_FILE`, `ERR_INVALID_SOURCE`, `ERR_BYTE_ORDER`, and what parsing gives
 */
export function readObject(source: ObjectSource): NamedObject {
  const named = parse(source);
  if (named.object.littleEndian !== littleEndian) {
    const [file, host] = littleEndian ? ["big", "little"] : ["little", "big"];
    throw new ElfError(
      "ERR_BYTE_ORDER",
      `The object is ${file}-endian and this machine ${host}-endian: it can be parsed here, but not loaded. Compile it with -target ${littleEndian ? "bpfel" : "bpfeb"}.`,
    );
  }
  return named;
}

function parse(source: ObjectSource): NamedObject {
  if (source instanceof ElfObject) return { object: source, name: "" };
  if (source instanceof Uint8Array) return { object: ElfObject.parse(source), name: "" };
  if (typeof source !== "string" && !(source instanceof URL))
    throw new ElfError(
      "ERR_INVALID_SOURCE",
      `An object is given as a path, a file: URL, a Uint8Array or an ElfObject, not as ${typeof source}.`,
    );
  const path = pathOf(source);
  const [name = ""] = basename(path).split(".");
  return { object: ElfObject.parse(readFile(path)), name };
}

/** @throws ElfError `ERR_INVALID_SOURCE` for a URL that names no file of this machine */
export function pathOf(url: string | URL): string {
  if (typeof url === "string" && !url.startsWith("file:")) return url;
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new ElfError(
      "ERR_INVALID_SOURCE",
      `The URL ${url} names no file of this machine: ${cause instanceof Error ? cause.message : cause}.`,
      { cause },
    );
  }
}

/** @throws ElfError `ERR_NO_SUCH_FILE`, `ERR_NOT_A_FILE`, `ERR_READ_FILE` */
export function readFile(path: string, wanted = "an object file"): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (reason === "ENOENT")
      throw new ElfError(
        "ERR_NO_SUCH_FILE",
        `There is no file ${JSON.stringify(path)}. Paths are relative to ${process.cwd()}.`,
        { cause },
      );
    if (reason === "EISDIR")
      throw new ElfError("ERR_NOT_A_FILE", `${JSON.stringify(path)} is a folder, and ${wanted} is wanted.`, {
        cause,
      });
    throw new ElfError(
      "ERR_READ_FILE",
      `Cannot read ${JSON.stringify(path)}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
