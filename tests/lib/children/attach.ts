/**
 * Attaches `count_a` of the fixture `counter` to the map pinned at a path, says so, and waits for its end.
 * Arguments: the mode, the map's pin, and a path for the link's pin if it is to have one.
 */
import { Ebpf, SkMsg, SockHash } from "skmsg";
import { fixture } from "../../support/fixtures.ts";

const [, , mode, mapPin = "", linkPin] = process.argv;
const map = SockHash.fromPin(mapPin);
const bpf = Ebpf.load(fixture("counter"), { maps: { SOCKS: map } });
const program = bpf.program("count_a", SkMsg);
program.load();
const id = program.attach(map, { mode: mode === "link" || mode === "prog" ? mode : "auto" });
const linkId = linkPin === undefined ? undefined : program.takeLink(id).pin(linkPin).id;
console.log(JSON.stringify({ programId: program.info().id, linkId }));
// Ends with its parent's word, or when that is gone; nothing is closed here.
process.stdin.once("data", () => process.exit(0)).once("end", () => process.exit(0));
