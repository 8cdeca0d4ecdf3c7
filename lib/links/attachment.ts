import { type AttachType, dupFd, type OwnedFd, progAttach, progDetach } from "../../syscalls/index.ts";
import { LinkError } from "../errors/classes.ts";
import { explained, type Reasons, type Refusal } from "../errors/refusal.ts";
import { orClose } from "../handle.ts";
import type { LinkInfo } from "../infos/linkInfo.ts";
import { closedLink, type HasFd, type UpdateOptions } from "./link.ts";
import { ATTACH_REASONS, DETACH_REASONS, REPLACE_REASONS } from "./reasons.ts";

/** One way in which a program can be held at its place: a bpf link, or a plain attach. */
export interface Attachment {
  /** The kernel's link id; undefined for a plain attach. */
  readonly id: number | undefined;
  info(): LinkInfo;
  update(program: HasFd, options?: UpdateOptions): void;
  detach(): void;
}

/**
 * A plain attach (BPF_PROG_ATTACH), remembered with fds of its own, so that detaching undoes just that one.
 * It stays as long as the map, also after the process.
 */
export class ProgAttachment implements Attachment {
  readonly id: undefined = undefined;
  readonly #map: OwnedFd;
  readonly #attachType: AttachType;
  #program: OwnedFd;

  private constructor(program: OwnedFd, map: OwnedFd, attachType: AttachType) {
    this.#program = program;
    this.#map = map;
    this.#attachType = attachType;
  }

  /** Takes the place in the map; another program attached plainly gives way. @throws LinkError */
  static attach(programFd: number, mapFd: number, attachType: AttachType, asked: string): ProgAttachment {
    return explained(attaching(asked), () => {
      const program = dupFd(programFd);
      const map = orClose([program], () => dupFd(mapFd));
      return orClose([program, map], () => {
        attach(map, program, attachType);
        return new ProgAttachment(program, map, attachType);
      });
    });
  }

  info(): LinkInfo {
    throw notALink("there is no information");
  }

  update(program: HasFd, options: UpdateOptions = {}): void {
    if (this.#map.closed) throw closedLink();
    if (options.expected !== undefined) throw notALink("the kernel cannot check the program that is expected");
    const how = attaching("Cannot update the attached program", REPLACE_REASONS);
    const next = explained(how, () => {
      const fd = dupFd(program.fd);
      orClose([fd], () => attach(this.#map, fd, this.#attachType));
      return fd;
    });
    this.#program.close();
    this.#program = next;
  }

  detach(): void {
    if (this.#map.closed) throw closedLink();
    const attr = { target_fd: this.#map.fd, attach_bpf_fd: this.#program.fd, attach_type: this.#attachType };
    try {
      explained(
        { family: LinkError, asked: "Cannot detach the program", reasons: DETACH_REASONS, code: "ERR_LINK" },
        () => progDetach(attr),
      );
    } finally {
      this.#program.close();
      this.#map.close();
    }
  }
}

function attach(map: OwnedFd, program: OwnedFd, attachType: AttachType): void {
  progAttach({ target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: attachType });
}

function attaching(asked: string, reasons: Reasons = ATTACH_REASONS): Refusal {
  return { family: LinkError, asked, reasons, code: "ERR_LINK", needs: ["CAP_NET_ADMIN"] };
}

/** What only a bpf link can do. */
export function notALink(so: string): LinkError {
  return new LinkError(
    "ERR_NOT_SUPPORTED",
    `This is a plain attach and no bpf link, so ${so}. Attach with mode "link" (Linux 6.10 on).`,
  );
}
