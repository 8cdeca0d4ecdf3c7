import { linkDetach, linkUpdate, type OwnedFd } from "../../syscalls/index.ts";
import { LinkError, type SkmsgError } from "../errors/classes.ts";
import { explained } from "../errors/refusal.ts";
import { LinkInfo } from "../infos/linkInfo.ts";
import { inspectAs } from "../inspect.ts";
import { UPDATE_REASONS } from "./reasons.ts";

/** A program, as far as links ask: loaded, with an fd. */
export interface HasFd {
  readonly fd: number;
}

export interface UpdateOptions {
  /** The program that must be behind the link now, else `ERR_UNEXPECTED_PROGRAM`. */
  readonly expected?: HasFd;
}

/**
 * A bpf link in the kernel: what holds a program at its place. Garbage collection never closes it;
 * without close or detach it stays until the process ends.
 */
export class Link {
  #fd: OwnedFd | undefined;

  /** Takes the fd over. Used by the library; links come from `attach`, `takeLink` and `fromPin`. */
  constructor(fd: OwnedFd) {
    this.#fd = fd;
  }

  /** @throws LinkError `ERR_CLOSED` */
  get fd(): number {
    return this.owned().fd;
  }

  get closed(): boolean {
    return this.#fd === undefined;
  }

  /** The kernel's id. */
  get id(): number {
    return this.info().id;
  }

  /** Fresh from the kernel. @throws LinkError `ERR_CLOSED` */
  info(): LinkInfo {
    return LinkInfo.fromFd(this.fd);
  }

  /**
   * Puts another program behind the link, with no moment between.
   * @throws LinkError `ERR_UNEXPECTED_PROGRAM_TYPE`, `ERR_UNEXPECTED_PROGRAM`, `ERR_CLOSED`
   */
  update(program: HasFd, options: UpdateOptions = {}): void {
    const fd = this.fd;
    const how = { family: LinkError, asked: "Cannot update the link", reasons: UPDATE_REASONS, code: "ERR_LINK" };
    explained(how, () => linkUpdate(fd, program.fd, options.expected?.fd));
  }

  /** Takes the program from its place, also where the link is pinned, and closes the fd. @throws LinkError `ERR_CLOSED` */
  detach(): void {
    const owned = this.owned();
    explained({ family: LinkError, asked: "Cannot detach the link", reasons: {}, code: "ERR_LINK" }, () =>
      linkDetach(owned.fd),
    );
    this.close();
  }

  /** Closes the fd: the kernel detaches a link that is not pinned and that nobody else holds. Again has no effect. */
  close(): void {
    this.#fd?.close();
    this.#fd = undefined;
  }

  /** The fd with its ownership. @throws LinkError `ERR_CLOSED` */
  private owned(): OwnedFd {
    if (this.#fd === undefined) throw closedLink();
    return this.#fd;
  }

  /** Gives the fd, with its ownership, to the caller; this object is used up. @throws LinkError `ERR_CLOSED` */
  takeFd(): OwnedFd {
    const fd = this.owned();
    this.#fd = undefined;
    return fd;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #line(): string {
    return `${this.constructor.name} { ${this.closed ? "closed" : `id: ${this.id}`} }`;
  }

  static {
    inspectAs(this.prototype, (link) => link.#line());
  }
}

export function closedLink(): SkmsgError {
  return new LinkError("ERR_CLOSED", "This link has been detached, closed or given away.");
}
