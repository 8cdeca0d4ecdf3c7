import type { LinkInfo } from "../infos/linkInfo.ts";
import { inspectAs } from "../inspect.ts";
import { pinObject } from "../pins/pin.ts";
import { type Attachment, notALink } from "./attachment.ts";
import { closedLink, type HasFd, Link, type UpdateOptions } from "./link.ts";
import { PinnedLink } from "./pinnedLink.ts";

/**
 * A program at its place in a sockmap, owned by the caller. Garbage collection never detaches it: it stays until it is
 * detached or disposed; with the process a bpf link goes, and a plain attach stays as long as the map.
 */
export class SkMsgLink {
  #attachment: Attachment | undefined;

  /** Used by the library; links come from `takeLink` and `PinnedLink.unpin`. */
  constructor(attachment: Attachment) {
    this.#attachment = attachment;
  }

  /** The kernel's link id; undefined for a plain attach, which has none. @throws LinkError `ERR_CLOSED` */
  get id(): number | undefined {
    return this.#held().id;
  }

  /** Fresh from the kernel. @throws LinkError `ERR_NOT_SUPPORTED` for a plain attach, `ERR_CLOSED` */
  info(): LinkInfo {
    return this.#held().info();
  }

  /**
   * Puts another program in the place, with no moment between. Sockets that were inserted before keep the old one.
   * @throws LinkError `ERR_UNEXPECTED_PROGRAM_TYPE`, `ERR_UNEXPECTED_PROGRAM`, `ERR_CLOSED`
   */
  update(program: HasFd, options: UpdateOptions = {}): void {
    this.#held().update(program, options);
  }

  /** Takes the program from its place. @throws LinkError `ERR_NO_SUCH_LINK` where another has taken it, `ERR_CLOSED` */
  detach(): void {
    const attachment = this.#held();
    this.#attachment = undefined;
    attachment.detach();
  }

  /**
   * Gives the link a name in bpffs and hands it over: this object is used up. After a refusal it holds on as before.
   * @throws PinError; LinkError `ERR_NOT_SUPPORTED` for a plain attach, `ERR_CLOSED`
   */
  pin(path: string): PinnedLink {
    const link = this.#held();
    if (!(link instanceof Link)) throw notALink("it cannot be pinned");
    pinObject(link.fd, path, `the link ${link.id}`);
    this.#attachment = undefined;
    return new PinnedLink(link.takeFd(), path);
  }

  /** Detaches; again, or after `pin`, it has no effect. */
  [Symbol.dispose](): void {
    if (this.#attachment !== undefined) this.detach();
  }

  #held(): Attachment {
    if (this.#attachment === undefined) throw closedLink();
    return this.#attachment;
  }

  #line(): string {
    const { id } = this.#attachment ?? {};
    if (this.#attachment === undefined) return "SkMsgLink { detached }";
    return `SkMsgLink { ${id === undefined ? "plain attach" : `id: ${id}`} }`;
  }

  static {
    inspectAs(this.prototype, (link) => link.#line());
  }
}
