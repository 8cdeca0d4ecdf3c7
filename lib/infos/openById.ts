import { ENOENT, EPERM, getFdById, type IdKind, type OwnedFd } from "../../syscalls/index.ts";
import type { ErrorFamily } from "../errors/classes.ts";
import { explained, type Reasons } from "../errors/refusal.ts";

const WORDS: Record<IdKind, string> = { prog: "program", map: "map", link: "link", btf: "BTF object" };

const REASONS: Reasons = {
  [ENOENT]: { code: "ERR_NO_SUCH_ID", why: "There is none with that id, or it is gone by now." },
  [EPERM]: { code: "ERR_PERMISSION", why: "Opening by id needs CAP_SYS_ADMIN." },
};

/** BPF_*_GET_FD_BY_ID. @throws the family's error, `ERR_NO_SUCH_ID` or `ERR_PERMISSION` */
export function openById(kind: IdKind, id: number, family: ErrorFamily): OwnedFd {
  if (!Number.isInteger(id) || id < 1 || id > 0xffff_ffff)
    throw new family("ERR_NO_SUCH_ID", `${String(id)} is no ${WORDS[kind]} id: whole numbers from 1 on.`);
  const asked = `Cannot open the ${WORDS[kind]} with id ${id}`;
  return explained({ family, asked, reasons: REASONS, code: "ERR_INFO", needs: ["CAP_SYS_ADMIN"] }, () =>
    getFdById(kind, id),
  );
}
