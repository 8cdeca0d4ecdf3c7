import type { OwnedFd } from "../../syscalls/index.ts";
import { orClose } from "../handle.ts";
import type { MapInfo } from "../infos/mapInfo.ts";
import type { BpfMap, MapOptions } from "./bpfMap.ts";

/** Makes a map object around an fd that it takes over. */
type MapClassOf = new (options: MapOptions) => BpfMap;

const classes = new Map<number, MapClassOf>();
let fallback: MapClassOf | undefined;

/**
 * Which class stands for which map type. Each class enters itself, so that an info can open
 * its map without importing every class, which in turn import the infos.
 */
export const mapClasses = {
  add(type: number, mapClass: MapClassOf): void {
    classes.set(type, mapClass);
  },

  addFallback(mapClass: MapClassOf): void {
    fallback = mapClass;
  },

  /** A map of its proper class. Closes the fd where that fails. */
  open(fd: OwnedFd, info: MapInfo, rest: Omit<MapOptions, "fd" | "info"> = {}): BpfMap {
    const mapClass = classes.get(info.type) ?? fallback;
    return orClose([fd], () => {
      if (mapClass === undefined) throw new Error("No map class is registered.");
      return new mapClass({ ...rest, fd, info });
    });
  },
};
