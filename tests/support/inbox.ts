import { once } from "node:events";
import type { Socket } from "node:net";
import { waitFor } from "./leaks.ts";

/** Keeps everything that arrives at a socket, from the moment it is made. */
export class Inbox {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
    });
  }

  /** What has arrived until now. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get length(): number {
    return this.#length;
  }

  /** Waits until so many bytes have arrived in all. */
  async until(length: number): Promise<void> {
    await waitFor(`${length} bytes to arrive`, () => this.#length >= length, 10_000).catch((error: Error) => {
      throw new Error(`${error.message}: only ${this.#length} came`);
    });
  }

  /** Waits for the end of the stream, and gives all that ever arrived. */
  async end(): Promise<Buffer> {
    if (!this.#socket.readableEnded) await once(this.#socket, "end");
    return this.bytes;
  }
}
