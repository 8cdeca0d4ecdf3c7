/**
 * What the programs of tests/fixtures/traffic.bpf.c make of a sequence of messages, one sendmsg(2) each, said again
 * in JavaScript. Pure functions: what must arrive, and what STATS must say.
 */
export interface Answer {
  /** All that arrives, in order. */
  readonly arrives: Uint8Array;
  /** How often the program is called. */
  readonly calls: number;
  /** Sum of the sizes that it sees. */
  readonly bytes: number;
  /** How often the helper answers with an error. */
  readonly failures: number;
}

/** No program asks to overwrite more. */
const PULL_MAX = 64;

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** A program that is called once a message, and leaves it (undefined: the helper failed) or makes another of it. */
function each(messages: readonly Uint8Array[], edit: (data: Uint8Array) => Uint8Array | undefined): Answer {
  const edited = messages.map(edit);
  return {
    arrives: concat(edited.map((data, index) => data ?? messages[index] ?? new Uint8Array())),
    calls: messages.length,
    bytes: sum(messages.map(({ length }) => length)),
    failures: edited.filter((data) => data === undefined).length,
  };
}

export function pass(messages: readonly Uint8Array[]): Answer {
  return each(messages, (data) => data);
}

/** "PUSH" before byte `at`. */
export function push(messages: readonly Uint8Array[], at: number): Answer {
  const inserted = Buffer.from("PUSH");
  return each(messages, (data) =>
    at > data.length ? undefined : concat([data.subarray(0, at), inserted, data.subarray(at)]),
  );
}

/** Bytes `start` up to `end` become "x", 64 of them at most. */
export function pull(messages: readonly Uint8Array[], start: number, end: number): Answer {
  return each(messages, (data) => {
    if (start >= end || end > data.length) return undefined;
    return data.slice().fill(0x78, start, Math.min(end, start + PULL_MAX));
  });
}

/** `length` bytes from `start` on are gone. */
export function pop(messages: readonly Uint8Array[], start: number, length: number): Answer {
  return each(messages, (data) => {
    if (length === 0) return data;
    if (start + length > data.length) return undefined;
    return concat([data.subarray(0, start), data.subarray(start + length)]);
  });
}

/** A verdict holds for `bytes`: across messages, and for a part of one, whose rest the program then sees. */
export function apply(messages: readonly Uint8Array[], bytes: number): Answer {
  const seen: number[] = [];
  let covered = 0;
  for (const { length } of messages) {
    let left = length;
    while (left > 0) {
      if (covered === 0) {
        seen.push(left);
        covered = bytes === 0 ? left : bytes;
      }
      const used = Math.min(left, covered);
      left -= used;
      covered -= used;
    }
  }
  return { arrives: concat(messages), calls: seen.length, bytes: sum(seen), failures: 0 };
}

/** Fewer than `bytes` at hand are held until there are as many. What is still held at the end does not arrive. */
export function cork(messages: readonly Uint8Array[], bytes: number): Answer {
  const seen: number[] = [];
  const out: Uint8Array[] = [];
  let held: Uint8Array[] = [];
  for (const message of messages) {
    const before = held.length;
    held.push(message);
    const length = sum(held.map((part) => part.length));
    // Called with the first, which asks to wait, and with all when there is enough.
    if (before === 0 || length >= bytes) seen.push(length);
    if (length >= bytes) {
      out.push(...held);
      held = [];
    }
  }
  return { arrives: concat(out), calls: seen.length, bytes: sum(seen), failures: 0 };
}
