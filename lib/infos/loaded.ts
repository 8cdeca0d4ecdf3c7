import { EPERM, getNextId, type IdKind } from "../../syscalls/index.ts";
import { type ErrorFamily, LinkError, MapError, ProgramError, SkmsgError } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";
import { LinkInfo } from "./linkInfo.ts";
import { MapInfo } from "./mapInfo.ts";
import { ProgramInfo } from "./programInfo.ts";

const REASONS: Reasons = { [EPERM]: { code: "ERR_PERMISSION", why: "Listing needs CAP_SYS_ADMIN." } };

/** Walks the ids of a kind; what vanishes between two calls is passed over. */
function* walk<T>(kind: IdKind, family: ErrorFamily, open: (id: number) => T): Generator<T, void, undefined> {
  const how = {
    family,
    asked: `Cannot list what is loaded (${kind})`,
    reasons: REASONS,
    code: "ERR_INFO",
    needs: ["CAP_SYS_ADMIN"],
  } as const;
  for (let id: number | undefined = 0; ; ) {
    const from: number = id;
    id = explained(how, () => getNextId(kind, from));
    if (id === undefined) return;
    let info: T;
    try {
      info = open(id);
    } catch (error) {
      if (error instanceof SkmsgError && error.code === "ERR_NO_SUCH_ID") continue;
      throw error;
    }
    yield info;
  }
}

/** Every program in the kernel, in order of ids. Needs CAP_SYS_ADMIN; Linux 4.13. */
export function loadedPrograms(): Generator<ProgramInfo, void, undefined> {
  return walk("prog", ProgramError, ProgramInfo.fromId);
}

/** Every map in the kernel, in order of ids. Needs CAP_SYS_ADMIN; Linux 4.13. */
export function loadedMaps(): Generator<MapInfo, void, undefined> {
  return walk("map", MapError, MapInfo.fromId);
}

/** Every link in the kernel, in order of ids. Needs CAP_SYS_ADMIN; Linux 5.8. */
export function loadedLinks(): Generator<LinkInfo, void, undefined> {
  return walk("link", LinkError, LinkInfo.fromId);
}
