/** Loads the object of the argument where the kernel shows no types, and prints the error. */
import { Ebpf, SkmsgError } from "skmsg";

const [path = ""] = process.argv.slice(2);
using bpf = Ebpf.load(path);
try {
  for (const program of bpf.programs.values()) program.load();
  console.log("loaded");
} catch (error) {
  console.log(error instanceof SkmsgError ? `${error.code} ${error.message}` : String(error));
}
