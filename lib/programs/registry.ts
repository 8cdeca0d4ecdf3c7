import type { OwnedFd } from "../../syscalls/index.ts";
import type { ProgramInfo } from "../infos/programInfo.ts";
import type { Program, ProgramOptions } from "./program.ts";

type ProgramClassOf = new (options: ProgramOptions) => Program;

const classes = new Map<number, ProgramClassOf>();
let fallback: ProgramClassOf | undefined;

/** Which class stands for which program type; each class enters itself, as map classes do. */
export const programClasses = {
  add(type: number, programClass: ProgramClassOf): void {
    classes.set(type, programClass);
  },

  addFallback(programClass: ProgramClassOf): void {
    fallback = programClass;
  },

  make(options: ProgramOptions): Program {
    const programClass = classes.get(options.type) ?? fallback;
    if (programClass === undefined) throw new Error("No program class is registered.");
    return new programClass(options);
  },

  /** A loaded program of its proper class around an fd that it takes over. */
  open(fd: OwnedFd, info: ProgramInfo, pin?: string): Program {
    return programClasses.make({ name: info.name, type: info.type, loaded: { fd, id: info.id, tag: info.tag }, pin });
  },
};
