import type { OwnedFd } from "../../syscalls/index.ts";
import { openPinOf, removePin } from "../pins/pin.ts";
import { Link } from "./link.ts";
import { SkMsgLink } from "./skMsgLink.ts";

/** A link with a name in bpffs: closing this object, or ending the process, leaves it attached. */
export class PinnedLink extends Link {
  readonly path: string;

  /** Used by the library; made by `SkMsgLink.pin` and `fromPin`. Takes the fd over. */
  constructor(fd: OwnedFd, path: string) {
    super(fd);
    this.path = path;
  }

  /**
   * The link pinned at a path.
   * @throws PinError `ERR_NO_SUCH_PIN`, `ERR_NOT_BPFFS`, `ERR_PERMISSION`; LinkError `ERR_UNEXPECTED_LINK_TYPE`
   */
  static fromPin(path: string): PinnedLink {
    return new PinnedLink(openPinOf(path, "link"), path);
  }

  /**
   * Removes the pin, if it still is this link's, and gives the link, attached, to the caller:
   * this object is used up. @throws PinError `ERR_PERMISSION`; LinkError `ERR_CLOSED`
   */
  unpin(): SkMsgLink {
    const { id } = this;
    removePin(this.path, "link", id);
    return new SkMsgLink(new Link(this.takeFd()));
  }
}
