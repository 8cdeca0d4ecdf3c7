import {
  type AttachType,
  type KernelStruct,
  type LINK_INFO,
  LINK_INFO_CGROUP,
  LINK_INFO_IFINDEX,
  LINK_INFO_NETNS,
  LINK_INFO_SOCKMAP,
  LINK_INFO_STRUCT_OPS,
  LINK_INFO_TRACING,
  LinkType,
  linkInfo,
  type OwnedFd,
} from "../../syscalls/index.ts";
import { LinkError } from "../errors/classes.ts";
import { ask, expectFd } from "../kinds.ts";
import { openPinOf } from "../pins/pin.ts";
import { plain } from "./json.ts";
import { openById } from "./openById.ts";

interface Target {
  readonly mapId?: number | undefined;
  readonly cgroupId?: bigint | undefined;
  readonly netnsInode?: number | undefined;
  readonly ifindex?: number | undefined;
  readonly attachType?: number | undefined;
}

/** What the kernel tells of a link (`struct bpf_link_info`). Which target field is set depends on the type. */
export class LinkInfo {
  readonly id: number;
  readonly type: LinkType;
  readonly programId: number;
  /** Of sockmap, cgroup, netns, tcx, netkit and tracing links. */
  readonly attachType: AttachType | undefined;
  /** The sockmap, or a struct_ops map. Undefined also where the map is gone. */
  readonly mapId: number | undefined;
  readonly cgroupId: bigint | undefined;
  readonly netnsInode: number | undefined;
  readonly ifindex: number | undefined;

  private constructor(fd: number) {
    const info = linkInfo(fd);
    // A number of a newer kernel stays a number: the type says what is known today.
    this.type = info.u32("type", 0) as LinkType;
    this.id = info.u32("id", 0);
    this.programId = info.u32("prog_id", 0);
    const target = targetOf(this.type, info);
    this.attachType = target.attachType as AttachType | undefined;
    this.mapId = target.mapId || undefined;
    this.cgroupId = target.cgroupId;
    this.netnsInode = target.netnsInode;
    this.ifindex = target.ifindex;
  }

  static #ask(fd: number): LinkInfo {
    return ask("link", () => new LinkInfo(fd));
  }

  /** Asks about an fd that stays the caller's. @throws LinkError `ERR_BAD_FD`, `ERR_UNEXPECTED_LINK_TYPE` */
  static fromFd(fd: number): LinkInfo {
    expectFd(fd, "link");
    return LinkInfo.#ask(fd);
  }

  /** @throws LinkError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  static fromId(id: number): LinkInfo {
    using fd = openById("link", id, LinkError);
    return LinkInfo.#ask(fd.fd);
  }

  /** @throws PinError; LinkError `ERR_UNEXPECTED_LINK_TYPE` where something else is pinned there */
  static fromPin(path: string): LinkInfo {
    using fd = openPinOf(path, "link");
    return LinkInfo.#ask(fd.fd);
  }

  /** A new fd of the link, which the caller closes. @throws LinkError `ERR_NO_SUCH_ID`, `ERR_PERMISSION` */
  fd(): OwnedFd {
    return openById("link", this.id, LinkError);
  }

  toJSON(): Record<string, unknown> {
    return plain({ ...this });
  }
}

function targetOf(type: LinkType, info: KernelStruct<typeof LINK_INFO>): Target {
  switch (type) {
    case LinkType.SockMap: {
      const arm = info.as(LINK_INFO_SOCKMAP);
      return { mapId: arm.u32("map_id"), attachType: arm.u32("attach_type") };
    }
    case LinkType.Cgroup: {
      const arm = info.as(LINK_INFO_CGROUP);
      return { cgroupId: arm.u64("cgroup_id"), attachType: arm.u32("attach_type") };
    }
    case LinkType.Netns: {
      const arm = info.as(LINK_INFO_NETNS);
      return { netnsInode: arm.u32("netns_ino"), attachType: arm.u32("attach_type") };
    }
    case LinkType.Xdp:
      return { ifindex: info.as(LINK_INFO_IFINDEX).u32("ifindex") };
    case LinkType.Tcx:
    case LinkType.Netkit: {
      const arm = info.as(LINK_INFO_IFINDEX);
      return { ifindex: arm.u32("ifindex"), attachType: arm.u32("attach_type") };
    }
    case LinkType.Tracing:
      return { attachType: info.as(LINK_INFO_TRACING).u32("attach_type") };
    case LinkType.StructOps:
      return { mapId: info.as(LINK_INFO_STRUCT_OPS).u32("map_id") };
    default:
      return {};
  }
}
