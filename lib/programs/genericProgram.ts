import { Program } from "./program.ts";
import { programClasses } from "./registry.ts";

/** A program of a type that has no class of its own here: it can be loaded, pinned, tested and looked at. */
export class GenericProgram extends Program {
  static {
    programClasses.addFallback(this);
  }
}
