import { AttachType, ProgramType } from "../../syscalls/index.ts";
import { LinkError } from "../errors/classes.ts";
import { type AttachOptions, attachToSockets, isAttached, type SocketsTarget, targetInfo } from "../links/attach.ts";
import { newLinkId, type SkMsgLinkId } from "../links/linkId.ts";
import { SkMsgLink } from "../links/skMsgLink.ts";
import { Program, type ProgramOptions } from "./program.ts";
import { programClasses } from "./registry.ts";

interface Tracked {
  readonly link: SkMsgLink;
  readonly mapId: number;
}

/**
 * `BPF_PROG_TYPE_SK_MSG` (Linux 4.17): sees every sendmsg(2) and sendfile(2) on the sockets of a SockMap or SockHash, and
 * lets it pass, drops it, changes it, or sends it to another socket. Section `sk_msg`.
 *
 * Attach it before sockets are inserted: a program is bound to a socket when that is inserted.
 */
export class SkMsg extends Program {
  static override readonly PROGRAM_TYPE: ProgramType = ProgramType.SkMsg;

  readonly #tracked = new Map<SkMsgLinkId, Tracked>();

  constructor(options: ProgramOptions) {
    // sk_msg has one attach type; the kernel does not tell it of a pinned program.
    super({ ...options, attachType: AttachType.SkMsgVerdict });
  }

  /** The attaches that this object tracks, oldest first. */
  get links(): readonly SkMsgLinkId[] {
    return [...this.#tracked.keys()];
  }

  /**
   * Attaches the program to a SockMap or SockHash, or to the fd of one, which stays the caller's.
   * @throws ProgramError `ERR_NOT_LOADED`; LinkError `ERR_ALREADY_ATTACHED`, `ERR_LINK_BUSY`, `ERR_UNEXPECTED_MAP_TYPE`,
   * `ERR_NOT_SUPPORTED`, `ERR_PERMISSION`; MapError `ERR_CLOSED`
   */
  attach(map: SocketsTarget, options: AttachOptions = {}): SkMsgLinkId {
    const { fd } = this;
    const target = targetInfo(map, this.name);
    const program = { fd, id: this.info().id, name: this.name };
    const mapFd = typeof map === "number" ? map : map.fd;
    const before = this.links.find((id) => this.#tracked.get(id)?.mapId === target.id);
    if (isAttached(program.id, mapFd, AttachType.SkMsgVerdict) ?? before !== undefined)
      throw new LinkError(
        "ERR_ALREADY_ATTACHED",
        `Cannot attach ${JSON.stringify(this.name)} to the map ${JSON.stringify(target.name)}: this program is on this map already.`,
      );
    if (before !== undefined) this.#forget(before);
    const attachment = attachToSockets(program, mapFd, target.name, AttachType.SkMsgVerdict, options.mode);
    const id = newLinkId();
    this.#tracked.set(id, { link: new SkMsgLink(attachment), mapId: target.id });
    return id;
  }

  /**
   * Undoes that attach. Sockets that were inserted before keep the program until they leave the map.
   * @throws LinkError `ERR_NO_SUCH_LINK` for an id that is used up or another program's; ProgramError `ERR_CLOSED`
   */
  detach(id: SkMsgLinkId): void {
    this.takeLink(id).detach();
  }

  /** Gives the link to the caller: `unload` and `close` leave it. @throws LinkError `ERR_NO_SUCH_LINK`; ProgramError `ERR_CLOSED` */
  takeLink(id: SkMsgLinkId): SkMsgLink {
    this.checkOpen();
    return this.#take(id);
  }

  #take(id: SkMsgLinkId): SkMsgLink {
    const tracked = this.#tracked.get(id);
    if (tracked === undefined)
      throw new LinkError(
        "ERR_NO_SUCH_LINK",
        `${this.describe()} tracks no such link: it was detached or taken already, or another program gave this id.`,
      );
    this.#tracked.delete(id);
    return tracked.link;
  }

  /** Drops an attach that is none any more: another program has taken its place, or somebody has detached it. */
  #forget(id: SkMsgLinkId): void {
    try {
      this.#take(id).detach();
    } catch {
      // The kernel says the same.
    }
  }

  protected override detachAll(): void {
    let first: unknown;
    for (const id of this.links) {
      try {
        this.#take(id).detach();
      } catch (error) {
        first ??= error;
      }
    }
    if (first !== undefined) throw first;
  }

  protected override inspectFields(): string {
    return `, links: ${this.#tracked.size}`;
  }

  static {
    programClasses.add(ProgramType.SkMsg, this);
  }
}
