import { existsSync, readFileSync } from "node:fs";
import { Btf, type BtfComposite } from "skmsg/elf";

const PATH = "/sys/kernel/btf/vmlinux";

/** A reason to skip where the kernel does not tell its types. */
export const skipWithoutKernelBtf: false | string = existsSync(PATH) ? false : `needs ${PATH}`;

/** A reason to skip where no program can be attached to a kernel function. */
export const skipWithoutTracer: false | string =
  skipWithoutKernelBtf ||
  (!existsSync("/sys/kernel/tracing/available_filter_functions") && "needs the function tracer and tracefs");

/** Byte offset and width of a member. */
export type Place = readonly [offset: number, width: number];

/** The running kernel's own types. */
export class KernelBtf {
  readonly #btf: Btf = Btf.parse(readFileSync(PATH));

  /** Undefined where this kernel has none of that name. */
  composite(kind: "struct" | "union", name: string): BtfComposite | undefined {
    const id = this.#btf.findByName(name, kind);
    const type = id === undefined ? undefined : this.#btf.type(id);
    return type?.kind === "struct" || type?.kind === "union" ? type : undefined;
  }

  /** The struct or union behind a member, undefined where it is something else. */
  compositeOf(typeId: number): BtfComposite | undefined {
    const type = this.#btf.type(this.#btf.skipModifiers(typeId));
    return type.kind === "struct" || type.kind === "union" ? type : undefined;
  }

  /** Every member by name; those of anonymous members as the struct's own, those of named structs also as `outer.inner`. */
  fields(composite: BtfComposite, at = 0, prefix = ""): Map<string, Place> {
    const fields = new Map<string, Place>();
    for (const { name, type, bitOffset } of composite.members) {
      const offset = at + Math.floor(bitOffset / 8);
      const inner = this.compositeOf(type);
      if (name !== "") fields.set(prefix + name, [offset, this.#btf.sizeOf(type)]);
      if (inner !== undefined)
        for (const [innerName, place] of this.fields(inner, offset, name === "" ? prefix : `${prefix}${name}.`))
          fields.set(innerName, place);
    }
    return fields;
  }

  /** The numbers of `enum NAME`; without a name, of every anonymous enum. */
  enumValues(name: string): Map<string, number> {
    const ids = name === "" ? this.#anonymousEnums() : this.#btf.findAllByName(name, "enum");
    const values = new Map<string, number>();
    for (const id of ids) {
      const type = this.#btf.type(id);
      if (type.kind === "enum") for (const one of type.values) values.set(one.name, one.value);
    }
    return values;
  }

  /** The id of a function, as `attach_btf_id` wants it. */
  functionId(name: string): number | undefined {
    return this.#btf.findByName(name, "func");
  }

  *#anonymousEnums(): Generator<number> {
    for (let id = 1; id < this.#btf.typeCount; id++)
      if (this.#btf.kind(id) === "enum" && this.#btf.type(id).name === "") yield id;
  }
}
