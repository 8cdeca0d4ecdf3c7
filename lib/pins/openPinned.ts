import { PinError } from "../errors/classes.ts";
import { orClose } from "../handle.ts";
import { MapInfo } from "../infos/mapInfo.ts";
import { ProgramInfo } from "../infos/programInfo.ts";
import { kindName } from "../kinds.ts";
import { PinnedLink } from "../links/pinnedLink.ts";
import type { BpfMap } from "../maps/bpfMap.ts";
import { mapClasses } from "../maps/registry.ts";
import type { Program } from "../programs/program.ts";
import { programClasses } from "../programs/registry.ts";
import { openPin } from "./pin.ts";

/**
 * Whatever is pinned at a path, of its proper class: pinned by this package, aya, libbpf, cilium/ebpf or bpftool alike.
 * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` for another kind of object
 */
export function openPinned(path: string): Program | BpfMap | PinnedLink {
  const { fd, kind } = openPin(path);
  return orClose([fd], () => {
    switch (kind) {
      case "prog":
        return programClasses.open(fd, ProgramInfo.fromFd(fd.fd), path);
      case "map":
        return mapClasses.open(fd, MapInfo.fromFd(fd.fd), { pin: path });
      case "link":
        return new PinnedLink(fd, path);
      default:
        throw new PinError(
          "ERR_NOT_SUPPORTED",
          `${JSON.stringify(path)} is neither a program nor a map nor a link but ${kindName(kind)}.`,
        );
    }
  });
}
