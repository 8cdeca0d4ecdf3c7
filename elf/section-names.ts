import { AttachType as A, ProgramType as P } from "./program-types.ts";

/** What the name of a section says of the programs inside. */
export interface SectionMeaning {
  /** `BPF_PROG_TYPE_*`; undefined for a name that no rule knows. */
  readonly type: number | undefined;
  /** `BPF_*` attach type; 0 where the name implies none. */
  readonly expectedAttachType: number;
  /** False for a name that begins with `?`. */
  readonly autoload: boolean;
}

type Rule = readonly [pattern: string, type: number, expectedAttachType: number];

/**
 * The first rule that fits counts. A bare pattern is the whole name; `name+` is the name alone or `name/…`; `name#` is
 * the name with digits behind it, as kernel selftests number their programs. The rules are those of libbpf
 * (`section_defs` in libbpf.c, to version 1.7), and those marked below in addition.
 */
const RULES: readonly Rule[] = [
  ["socket", P.SocketFilter, A.None],
  ["sk_reuseport/migrate", P.SkReuseport, A.SkReuseportSelectOrMigrate],
  ["sk_reuseport", P.SkReuseport, A.SkReuseportSelect],
  ["kprobe+", P.Kprobe, A.None],
  ["uprobe+", P.Kprobe, A.None],
  ["uprobe.s+", P.Kprobe, A.None],
  ["kretprobe+", P.Kprobe, A.None],
  ["uretprobe+", P.Kprobe, A.None],
  ["uretprobe.s+", P.Kprobe, A.None],
  ["kprobe.multi+", P.Kprobe, A.TraceKprobeMulti],
  ["kretprobe.multi+", P.Kprobe, A.TraceKprobeMulti],
  ["kprobe.session+", P.Kprobe, A.TraceKprobeSession],
  ["uprobe.multi+", P.Kprobe, A.TraceUprobeMulti],
  ["uretprobe.multi+", P.Kprobe, A.TraceUprobeMulti],
  ["uprobe.session+", P.Kprobe, A.TraceUprobeSession],
  ["uprobe.multi.s+", P.Kprobe, A.TraceUprobeMulti],
  ["uretprobe.multi.s+", P.Kprobe, A.TraceUprobeMulti],
  ["uprobe.session.s+", P.Kprobe, A.TraceUprobeSession],
  ["ksyscall+", P.Kprobe, A.None],
  ["kretsyscall+", P.Kprobe, A.None],
  ["usdt+", P.Kprobe, A.None],
  ["usdt.s+", P.Kprobe, A.None],
  ["tc/ingress", P.SchedCls, A.TcxIngress],
  ["tc/egress", P.SchedCls, A.TcxEgress],
  ["tcx/ingress", P.SchedCls, A.TcxIngress],
  ["tcx/egress", P.SchedCls, A.TcxEgress],
  ["tc", P.SchedCls, A.None],
  ["classifier", P.SchedCls, A.None],
  ["action", P.SchedAct, A.None],
  ["netkit/primary", P.SchedCls, A.NetkitPrimary],
  ["netkit/peer", P.SchedCls, A.NetkitPeer],
  ["tracepoint+", P.Tracepoint, A.None],
  ["tp+", P.Tracepoint, A.None],
  ["raw_tracepoint+", P.RawTracepoint, A.None],
  ["raw_tp+", P.RawTracepoint, A.None],
  ["raw_tracepoint.w+", P.RawTracepointWritable, A.None],
  ["raw_tp.w+", P.RawTracepointWritable, A.None],
  ["tp_btf+", P.Tracing, A.TraceRawTp],
  ["fentry+", P.Tracing, A.TraceFentry],
  ["fmod_ret+", P.Tracing, A.ModifyReturn],
  ["fexit+", P.Tracing, A.TraceFexit],
  ["fentry.s+", P.Tracing, A.TraceFentry],
  ["fmod_ret.s+", P.Tracing, A.ModifyReturn],
  ["fexit.s+", P.Tracing, A.TraceFexit],
  ["freplace+", P.Ext, A.None],
  ["lsm+", P.Lsm, A.LsmMac],
  ["lsm.s+", P.Lsm, A.LsmMac],
  ["lsm_cgroup+", P.Lsm, A.LsmCgroup],
  ["iter+", P.Tracing, A.TraceIter],
  ["iter.s+", P.Tracing, A.TraceIter],
  ["syscall", P.Syscall, A.None],
  ["xdp.frags/devmap", P.Xdp, A.XdpDevmap],
  ["xdp/devmap", P.Xdp, A.XdpDevmap],
  ["xdp.frags/cpumap", P.Xdp, A.XdpCpumap],
  ["xdp/cpumap", P.Xdp, A.XdpCpumap],
  ["xdp.frags", P.Xdp, A.Xdp],
  ["xdp", P.Xdp, A.Xdp],
  ["perf_event", P.PerfEvent, A.None],
  ["lwt_in", P.LwtIn, A.None],
  ["lwt_out", P.LwtOut, A.None],
  ["lwt_xmit", P.LwtXmit, A.None],
  ["lwt_seg6local", P.LwtSeg6Local, A.None],
  ["sockops", P.SockOps, A.CgroupSockOps],
  ["sk_skb/stream_parser", P.SkSkb, A.SkSkbStreamParser],
  ["sk_skb/stream_verdict", P.SkSkb, A.SkSkbStreamVerdict],
  ["sk_skb/verdict", P.SkSkb, A.SkSkbVerdict],
  ["sk_skb", P.SkSkb, A.None],
  ["sk_skb#", P.SkSkb, A.None], // not libbpf's
  ["sk_msg+", P.SkMsg, A.SkMsgVerdict], // libbpf has no sk_msg/NAME; aya has
  ["sk_msg#", P.SkMsg, A.SkMsgVerdict], // not libbpf's
  ["lirc_mode2", P.LircMode2, A.LircMode2],
  ["flow_dissector", P.FlowDissector, A.FlowDissector],
  ["cgroup_skb/ingress", P.CgroupSkb, A.CgroupInetIngress],
  ["cgroup_skb/egress", P.CgroupSkb, A.CgroupInetEgress],
  ["cgroup/skb", P.CgroupSkb, A.None],
  ["cgroup/sock_create", P.CgroupSock, A.CgroupSockCreate],
  ["cgroup/sock_release", P.CgroupSock, A.CgroupSockRelease],
  ["cgroup/sock", P.CgroupSock, A.CgroupSockCreate],
  ["cgroup/post_bind4", P.CgroupSock, A.CgroupInet4PostBind],
  ["cgroup/post_bind6", P.CgroupSock, A.CgroupInet6PostBind],
  ["cgroup/bind4", P.CgroupSockAddr, A.CgroupInet4Bind],
  ["cgroup/bind6", P.CgroupSockAddr, A.CgroupInet6Bind],
  ["cgroup/connect4", P.CgroupSockAddr, A.CgroupInet4Connect],
  ["cgroup/connect6", P.CgroupSockAddr, A.CgroupInet6Connect],
  ["cgroup/connect_unix", P.CgroupSockAddr, A.CgroupUnixConnect],
  ["cgroup/sendmsg4", P.CgroupSockAddr, A.CgroupUdp4Sendmsg],
  ["cgroup/sendmsg6", P.CgroupSockAddr, A.CgroupUdp6Sendmsg],
  ["cgroup/sendmsg_unix", P.CgroupSockAddr, A.CgroupUnixSendmsg],
  ["cgroup/recvmsg4", P.CgroupSockAddr, A.CgroupUdp4Recvmsg],
  ["cgroup/recvmsg6", P.CgroupSockAddr, A.CgroupUdp6Recvmsg],
  ["cgroup/recvmsg_unix", P.CgroupSockAddr, A.CgroupUnixRecvmsg],
  ["cgroup/getpeername4", P.CgroupSockAddr, A.CgroupInet4Getpeername],
  ["cgroup/getpeername6", P.CgroupSockAddr, A.CgroupInet6Getpeername],
  ["cgroup/getpeername_unix", P.CgroupSockAddr, A.CgroupUnixGetpeername],
  ["cgroup/getsockname4", P.CgroupSockAddr, A.CgroupInet4Getsockname],
  ["cgroup/getsockname6", P.CgroupSockAddr, A.CgroupInet6Getsockname],
  ["cgroup/getsockname_unix", P.CgroupSockAddr, A.CgroupUnixGetsockname],
  ["cgroup/sysctl", P.CgroupSysctl, A.CgroupSysctl],
  ["cgroup/getsockopt", P.CgroupSockopt, A.CgroupGetsockopt],
  ["cgroup/setsockopt", P.CgroupSockopt, A.CgroupSetsockopt],
  ["cgroup/dev", P.CgroupDevice, A.CgroupDevice],
  ["struct_ops+", P.StructOps, A.None],
  ["struct_ops.s+", P.StructOps, A.None],
  ["sk_lookup", P.SkLookup, A.SkLookup],
  ["netfilter", P.Netfilter, A.Netfilter],
];

/** What the name of a section, as written in the file, says of the programs inside. */
export function meaningOfSection(name: string): SectionMeaning {
  const autoload = !name.startsWith("?");
  const bare = autoload ? name : name.slice(1);
  const rule = RULES.find(([pattern]) => fits(bare, pattern));
  return { type: rule?.[1], expectedAttachType: rule?.[2] ?? A.None, autoload };
}

function fits(name: string, pattern: string): boolean {
  const stem = pattern.slice(0, -1);
  if (pattern.endsWith("+")) return name === stem || name.startsWith(`${stem}/`);
  if (pattern.endsWith("#")) return name.startsWith(stem) && /^\d+$/.test(name.slice(stem.length));
  return name === pattern;
}
