/** Prints the numbers that OwnedFds get while 0, 1 and 2 are free, in turn: those must not be used. */
import { closeSync, openSync, writeSync } from "node:fs";
import { dupFd, MapType, mapCreate } from "skmsg/syscalls";

const out = dupFd(1).release();
const create = (): number => mapCreate({ map_type: MapType.Array, key_size: 4, value_size: 4, max_entries: 1 }).fd;
// Node opens the standard fds where its parent left them closed; so they are closed here.
closeSync(0);
const numbers = [create(), dupFd(out).fd];
closeSync(1);
closeSync(2);
numbers.push(create(), create());
// Whatever a number below 3 was moved from must be free again: the next file to be opened gets it.
const free = openSync("/dev/null", "r");
writeSync(out, JSON.stringify({ numbers, free }));
