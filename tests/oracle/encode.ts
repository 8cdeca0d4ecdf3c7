import { BtfWriter } from "../elf/btf-writer.ts";
import type { CType, Declaration, Layout, Member } from "./types.ts";

/** A universe as BTF. Declarations have the ids from 1 on, in their order. */
export function encode(layout: Layout): BtfWriter {
  return new Encoder(layout).run();
}

type Node = Declaration | CType;

class Encoder {
  readonly #layout: Layout;
  readonly #writer = new BtfWriter();
  readonly #ids = new Map<string, number>();
  readonly #queue: Node[] = [];

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  run(): BtfWriter {
    for (const [index, declaration] of this.#layout.universe.entries()) {
      this.#ids.set(JSON.stringify({ kind: "named", index }), index + 1);
      this.#queue.push(declaration);
    }
    // What a record refers to gets the next id, and so stands in its place when its turn comes.
    for (let next = 0; next < this.#queue.length; next++) {
      const node = this.#queue[next];
      if (node !== undefined) this.#emit(node);
    }
    return this.#writer;
  }

  #id(type: CType): number {
    if (type.kind === "void") return 0;
    const key = JSON.stringify(type);
    let id = this.#ids.get(key);
    if (id === undefined) {
      this.#queue.push(type);
      id = this.#queue.length;
      this.#ids.set(key, id);
    }
    return id;
  }

  #emit(node: Node): void {
    const writer = this.#writer;
    switch (node.kind) {
      case "int":
        writer.record(1, node.name, node.size, [(node.flags << 24) | (node.size * 8)]);
        break;
      case "float":
        writer.record(16, "double", node.size);
        break;
      case "ptr":
        writer.record(2, "", this.#id(node.of));
        break;
      case "volatile":
        writer.record(9, "", this.#id(node.of));
        break;
      case "const":
        writer.record(10, "", this.#id(node.of));
        break;
      case "array":
        writer.record(3, "", 0, [
          this.#id(node.of),
          this.#id({ kind: "int", name: "int", size: 4, flags: 1 }),
          node.length,
        ]);
        break;
      case "proto":
        writer.record(
          13,
          "",
          this.#id(node.result),
          node.parameters.flatMap((type) => [0, this.#id(type)]),
          node.parameters.length,
        );
        break;
      case "inline":
        this.#composite(node.union, "", node.members);
        break;
      case "struct":
      case "union":
        this.#composite(node.kind === "union", node.name, node.members);
        break;
      case "typedef":
        writer.record(8, node.name, this.#id(node.of));
        break;
      case "fwd":
        writer.record(7, node.name, 0, [], 0, node.union);
        break;
      case "enum":
        writer.record(
          6,
          node.name,
          node.size,
          node.values.flatMap(({ name, value }) => [writer.strings.add(name), Number(BigInt.asUintN(32, value))]),
          node.values.length,
          node.signed,
        );
        break;
      case "enum64":
        writer.record(
          19,
          node.name,
          node.size,
          node.values.flatMap(({ name, value }) => {
            const bits = BigInt.asUintN(64, value);
            return [writer.strings.add(name), Number(bits & 0xffffffffn), Number(bits >> 32n)];
          }),
          node.values.length,
          node.signed,
        );
        break;
    }
  }

  #composite(union: boolean, name: string, members: readonly Member[]): void {
    const { size, placed } = this.#layout.place({ union, members });
    const hasBits = members.some(({ bits }) => bits > 0);
    const words = placed.flatMap(({ member, bitOffset }) => [
      this.#writer.strings.add(member.name),
      this.#id(member.type),
      hasBits ? (member.bits << 24) | bitOffset : bitOffset,
    ]);
    this.#writer.record(union ? 5 : 4, name, size, words, placed.length, hasBits);
  }
}
