/** The first map operation of a process. */
import { HashMap, u32, u64 } from "skmsg";

const map = HashMap.create({ key: u32, value: u64, maxEntries: 1 });
if (map.get(0) !== undefined) throw new Error("a new map is not empty");
map.close();
