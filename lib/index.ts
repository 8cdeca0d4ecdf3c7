export { BtfError, ElfError, ElfObject, RelocationError } from "../elf/index.ts";
export {
  AttachType,
  BPF_ANY,
  BPF_EXIST,
  BPF_F_LOCK,
  BPF_NOEXIST,
  LinkType,
  MapFlags,
  MapType,
  ProgramType,
  SyscallError,
  type TestRunInput,
  type TestRunResult,
} from "../syscalls/index.ts";
export { bytes } from "./codecs/bytes.ts";
export { type Codec, CodecError, type CodecType } from "./codecs/codec.ts";
export type { DefaultValue } from "./codecs/defaults.ts";
export { be16, be32, be64, i8, i16, i32, i64, u8, u16, u32, u64 } from "./codecs/integers.ts";
export { LinkError, MapError, PinError, ProgramError, SkmsgError } from "./errors/classes.ts";
export { type SourceLocation, VerifierError } from "./errors/verifierError.ts";
export { type KernelVersion, kernelVersion } from "./features/kernelVersion.ts";
export { LinkInfo } from "./infos/linkInfo.ts";
export { loadedLinks, loadedMaps, loadedPrograms } from "./infos/loaded.ts";
export { MapInfo } from "./infos/mapInfo.ts";
export { ProgramInfo } from "./infos/programInfo.ts";
export type { AttachOptions, SocketsTarget } from "./links/attach.ts";
export { type HasFd, Link, type UpdateOptions } from "./links/link.ts";
export type { SkMsgLinkId } from "./links/linkId.ts";
export { PinnedLink } from "./links/pinnedLink.ts";
export { SkMsgLink } from "./links/skMsgLink.ts";
export { ArrayMap } from "./maps/arrayMap.ts";
export { BpfMap } from "./maps/bpfMap.ts";
export type { CreateMapOptions } from "./maps/create.ts";
export { GenericMap } from "./maps/genericMap.ts";
export { HashMap } from "./maps/hashMap.ts";
export { type Codecs, KeyedMap } from "./maps/keyedMap.ts";
export type { SocketValue } from "./maps/socketFd.ts";
export { SockHash } from "./maps/sockHash.ts";
export { SockMap } from "./maps/sockMap.ts";
export type { VerifierLogMode } from "./object/context.ts";
export { Ebpf, type EbpfOptions } from "./object/ebpf.ts";
export type { ObjectSource } from "./object/source.ts";
export type { TargetBtf } from "./object/targetBtf.ts";
export { listPins } from "./pins/listPins.ts";
export { mountBpffs } from "./pins/mountBpffs.ts";
export { openPinned } from "./pins/openPinned.ts";
export { GenericProgram } from "./programs/genericProgram.ts";
export { Program } from "./programs/program.ts";
export { SkMsg } from "./programs/skMsg.ts";
