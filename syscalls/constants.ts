/**
 * The numbers of include/uapi/linux/bpf.h (Linux 6.18), under the kernel's names in camel case.
 * tests/syscalls/constants.test.ts holds them against the running kernel's BTF.
 */

/** `enum bpf_cmd`: the first argument of bpf(2), under its full kernel name. */
export const Command = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_PIN: 6,
  BPF_OBJ_GET: 7,
  BPF_PROG_ATTACH: 8,
  BPF_PROG_DETACH: 9,
  BPF_PROG_TEST_RUN: 10,
  BPF_PROG_GET_NEXT_ID: 11,
  BPF_MAP_GET_NEXT_ID: 12,
  BPF_PROG_GET_FD_BY_ID: 13,
  BPF_MAP_GET_FD_BY_ID: 14,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_PROG_QUERY: 16,
  BPF_RAW_TRACEPOINT_OPEN: 17,
  BPF_BTF_LOAD: 18,
  BPF_BTF_GET_FD_BY_ID: 19,
  BPF_TASK_FD_QUERY: 20,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: 21,
  BPF_MAP_FREEZE: 22,
  BPF_BTF_GET_NEXT_ID: 23,
  BPF_MAP_LOOKUP_BATCH: 24,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: 25,
  BPF_MAP_UPDATE_BATCH: 26,
  BPF_MAP_DELETE_BATCH: 27,
  BPF_LINK_CREATE: 28,
  BPF_LINK_UPDATE: 29,
  BPF_LINK_GET_FD_BY_ID: 30,
  BPF_LINK_GET_NEXT_ID: 31,
  BPF_ENABLE_STATS: 32,
  BPF_ITER_CREATE: 33,
  BPF_LINK_DETACH: 34,
  BPF_PROG_BIND_MAP: 35,
  BPF_TOKEN_CREATE: 36,
  BPF_PROG_STREAM_READ_BY_FD: 37,
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** `enum bpf_prog_type`. */
export const ProgramType = {
  Unspec: 0,
  SocketFilter: 1,
  Kprobe: 2,
  SchedCls: 3,
  SchedAct: 4,
  Tracepoint: 5,
  Xdp: 6,
  PerfEvent: 7,
  CgroupSkb: 8,
  CgroupSock: 9,
  LwtIn: 10,
  LwtOut: 11,
  LwtXmit: 12,
  SockOps: 13,
  SkSkb: 14,
  CgroupDevice: 15,
  SkMsg: 16,
  RawTracepoint: 17,
  CgroupSockAddr: 18,
  LwtSeg6local: 19,
  LircMode2: 20,
  SkReuseport: 21,
  FlowDissector: 22,
  CgroupSysctl: 23,
  RawTracepointWritable: 24,
  CgroupSockopt: 25,
  Tracing: 26,
  StructOps: 27,
  Ext: 28,
  Lsm: 29,
  SkLookup: 30,
  Syscall: 31,
  Netfilter: 32,
} as const;
export type ProgramType = (typeof ProgramType)[keyof typeof ProgramType];

/** `enum bpf_map_type`. */
export const MapType = {
  Unspec: 0,
  Hash: 1,
  Array: 2,
  ProgArray: 3,
  PerfEventArray: 4,
  PerCpuHash: 5,
  PerCpuArray: 6,
  StackTrace: 7,
  CgroupArray: 8,
  LruHash: 9,
  LruPerCpuHash: 10,
  LpmTrie: 11,
  ArrayOfMaps: 12,
  HashOfMaps: 13,
  DevMap: 14,
  SockMap: 15,
  CpuMap: 16,
  XskMap: 17,
  SockHash: 18,
  CgroupStorage: 19,
  ReuseportSockArray: 20,
  PerCpuCgroupStorage: 21,
  Queue: 22,
  Stack: 23,
  SkStorage: 24,
  DevMapHash: 25,
  StructOps: 26,
  RingBuf: 27,
  InodeStorage: 28,
  TaskStorage: 29,
  BloomFilter: 30,
  UserRingBuf: 31,
  CgrpStorage: 32,
  Arena: 33,
} as const;
export type MapType = (typeof MapType)[keyof typeof MapType];

/** `enum bpf_attach_type`. */
export const AttachType = {
  CgroupInetIngress: 0,
  CgroupInetEgress: 1,
  CgroupInetSockCreate: 2,
  CgroupSockOps: 3,
  SkSkbStreamParser: 4,
  SkSkbStreamVerdict: 5,
  CgroupDevice: 6,
  SkMsgVerdict: 7,
  CgroupInet4Bind: 8,
  CgroupInet6Bind: 9,
  CgroupInet4Connect: 10,
  CgroupInet6Connect: 11,
  CgroupInet4PostBind: 12,
  CgroupInet6PostBind: 13,
  CgroupUdp4Sendmsg: 14,
  CgroupUdp6Sendmsg: 15,
  LircMode2: 16,
  FlowDissector: 17,
  CgroupSysctl: 18,
  CgroupUdp4Recvmsg: 19,
  CgroupUdp6Recvmsg: 20,
  CgroupGetsockopt: 21,
  CgroupSetsockopt: 22,
  TraceRawTp: 23,
  TraceFentry: 24,
  TraceFexit: 25,
  ModifyReturn: 26,
  LsmMac: 27,
  TraceIter: 28,
  CgroupInet4Getpeername: 29,
  CgroupInet6Getpeername: 30,
  CgroupInet4Getsockname: 31,
  CgroupInet6Getsockname: 32,
  XdpDevMap: 33,
  CgroupInetSockRelease: 34,
  XdpCpuMap: 35,
  SkLookup: 36,
  Xdp: 37,
  SkSkbVerdict: 38,
  SkReuseportSelect: 39,
  SkReuseportSelectOrMigrate: 40,
  PerfEvent: 41,
  TraceKprobeMulti: 42,
  LsmCgroup: 43,
  StructOps: 44,
  Netfilter: 45,
  TcxIngress: 46,
  TcxEgress: 47,
  TraceUprobeMulti: 48,
  CgroupUnixConnect: 49,
  CgroupUnixSendmsg: 50,
  CgroupUnixRecvmsg: 51,
  CgroupUnixGetpeername: 52,
  CgroupUnixGetsockname: 53,
  NetkitPrimary: 54,
  NetkitPeer: 55,
  TraceKprobeSession: 56,
  TraceUprobeSession: 57,
} as const;
export type AttachType = (typeof AttachType)[keyof typeof AttachType];

/** `enum bpf_link_type`. */
export const LinkType = {
  Unspec: 0,
  RawTracepoint: 1,
  Tracing: 2,
  Cgroup: 3,
  Iter: 4,
  Netns: 5,
  Xdp: 6,
  PerfEvent: 7,
  KprobeMulti: 8,
  StructOps: 9,
  Netfilter: 10,
  Tcx: 11,
  UprobeMulti: 12,
  Netkit: 13,
  SockMap: 14,
} as const;
export type LinkType = (typeof LinkType)[keyof typeof LinkType];

/** `BPF_ANY` and its like: the flags of an element update. */
export const BPF_ANY = 0;
/** Only where the key is absent. */
export const BPF_NOEXIST = 1;
/** Only where the key is present. */
export const BPF_EXIST = 2;
/** Under the value's `bpf_spin_lock`. */
export const BPF_F_LOCK = 4;

/** `BPF_F_*` flags of map creation. */
export const MapFlags = {
  NoPrealloc: 1,
  NoCommonLru: 2,
  NumaNode: 4,
  Rdonly: 8,
  Wronly: 16,
  StackBuildId: 32,
  ZeroSeed: 64,
  RdonlyProg: 128,
  WronlyProg: 256,
  Clone: 512,
  Mmapable: 1024,
  PreserveElems: 2048,
  InnerMap: 4096,
} as const;

/** Replace only the program given as the expected old one (BPF_LINK_UPDATE). */
export const BPF_F_REPLACE = 4;

/** The name of a number of one of the tables above, or the number in words. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  for (const [name, number] of Object.entries(table)) if (number === value) return name;
  return `type ${value}`;
}
