/** "Attach" of the facts in DESIGN.md: what an attach meets where a program is already. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AttachType, LinkError, SyscallError } from "skmsg";
import { linkCreate, progAttach, progDetach } from "skmsg/syscalls";
import { assertAttached, Counter, ONLY_A, ONLY_B } from "../support/counter.ts";
import { skipWithoutRoot as skip } from "../support/environment.ts";
import { throwsCode } from "../support/errors.ts";
import { MODES, type Mode, meaning, skipMode } from "../support/modes.ts";

const KINDS = ["hash", "map"] as const;

interface Refused {
  readonly code: string;
  readonly errno: string | undefined;
  readonly says: RegExp;
}

/** The second attach is refused. */
const HELD: Refused = {
  code: "ERR_LINK_BUSY",
  errno: "EBUSY",
  says: /^Cannot attach "count_b" to the map "SOCK\w+": the kernel answered EBUSY to BPF_\w+\. A bpf link holds .* Detach it first; loadedLinks\(\)/,
};
const ALREADY: Refused = {
  code: "ERR_ALREADY_ATTACHED",
  errno: undefined,
  says: /^Cannot attach "count_a" to the map "SOCK\w+": this program is on this map already\.$/,
};

/** The second attach succeeds, and it is undoing the first one that is refused from then on. */
const REPLACED: Refused = {
  code: "ERR_NO_SUCH_LINK",
  errno: "ENOENT",
  says: /^Cannot detach the program: the kernel answered ENOENT .* another one has taken its place/,
};
const OVERLAID: Refused = {
  code: "ERR_LINK_BUSY",
  errno: "EBUSY",
  says: /^Cannot detach the program: the kernel answered EBUSY .* A bpf link holds the place by now\./,
};

type Way = "link" | "prog";

/** How `a` is there, who comes, how, and what happens. */
const FACTS: readonly (readonly [first: Way, who: "a" | "b", second: Way, Refused])[] = [
  ["link", "b", "link", HELD],
  ["link", "b", "prog", HELD],
  ["prog", "b", "link", OVERLAID],
  ["prog", "b", "prog", REPLACED],
  ["link", "a", "link", ALREADY],
  ["link", "a", "prog", ALREADY],
  ["prog", "a", "link", ALREADY],
  ["prog", "a", "prog", ALREADY],
];

function fact(first: Mode, who: "a" | "b", second: Mode): Refused {
  const row = FACTS.find((one) => one[0] === meaning(first) && one[1] === who && one[2] === meaning(second));
  return row?.[3] ?? assert.fail("no such fact");
}

function refuses(action: () => unknown, { code, errno, says }: Refused): void {
  const error = throwsCode(action, code, says);
  assert.ok(error instanceof LinkError);
  assert.equal(error.errnoName, errno);
}

for (const kind of KINDS)
  describe(`on a ${kind === "hash" ? "SockHash" : "SockMap"} that has a program`, { skip }, () => {
    for (const first of MODES)
      for (const who of ["b", "a"] as const)
        for (const second of MODES) {
          const name = `${who === "a" ? "the same" : "another"} by ${second} over one by ${first}`;
          it(name, { skip: skipMode(first, second) }, async () => {
            using counter = new Counter();
            const { a, b, [kind]: map } = counter;
            const refused = fact(first, who, second);
            const id = a.attach(map, { mode: first });
            if (refused === HELD || refused === ALREADY) {
              refuses(() => counter[who].attach(map, { mode: second }), refused);
              assertAttached(map, a);
              assert.deepEqual(await counter.seenOn(map), ONLY_A);
            } else {
              b.attach(map, { mode: second });
              assertAttached(map, b);
              refuses(() => a.detach(id), refused);
              assertAttached(map, b);
              assert.deepEqual(a.links, []);
              assert.deepEqual(await counter.seenOn(map), ONLY_B);
            }
          });
        }
  });

/** What the kernel itself answers below all that. */
describe("a link holds its place against the system calls", { skip: skipMode("link") }, () => {
  const attach_type = AttachType.SkMsgVerdict;
  const calls: Record<string, (program: number, map: number) => unknown> = {
    BPF_PROG_ATTACH: (program, map) => progAttach({ attach_bpf_fd: program, target_fd: map, attach_type }),
    BPF_PROG_DETACH: (program, map) => progDetach({ attach_bpf_fd: program, target_fd: map, attach_type }),
    BPF_LINK_CREATE: (program, map) => linkCreate({ prog_fd: program, target_fd: map, attach_type }),
  };
  for (const [command, call] of Object.entries(calls))
    for (const who of ["a", "b"] as const)
      it(`${command} of ${who === "a" ? "the program that is there" : "another program"}: EBUSY`, () => {
        using counter = new Counter();
        const id = counter.a.attach(counter.hash, { mode: "link" });
        assert.throws(
          () => call(counter[who].fd, counter.hash.fd),
          (error) => error instanceof SyscallError && error.errnoName === "EBUSY" && error.command === command,
        );
        assertAttached(counter.hash, counter.a);
        counter.a.detach(id);
        assertAttached(counter.hash);
      });
});

it("a plain attach that somebody else has detached: ERR_NO_SUCH_LINK", { skip }, () => {
  using counter = new Counter();
  const { a, map } = counter;
  const id = a.attach(map, { mode: "prog" });
  progDetach({ attach_bpf_fd: a.fd, target_fd: map.fd, attach_type: AttachType.SkMsgVerdict });
  throwsCode(() => a.detach(id), "ERR_NO_SUCH_LINK", /or somebody detached it/);
  throwsCode(() => a.detach(id), "ERR_NO_SUCH_LINK", /tracks no such link/);
});
