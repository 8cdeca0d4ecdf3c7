/**
 * `struct bpf_prog_info`, `bpf_map_info`, `bpf_btf_info` and `bpf_link_info` as [byte offset, bytes]
 * (include/uapi/linux/bpf.h, Linux 6.18). Fields that an older kernel lacks stay unset.
 * Checked against the running kernel's BTF by tests/syscalls/layouts.test.ts.
 */
export const PROG_INFO = {
  type: [0, 4],
  id: [4, 4],
  /** 8 bytes, printed as hex in memory order. */
  tag: [8, 8],
  jited_prog_len: [16, 4],
  xlated_prog_len: [20, 4],
  jited_prog_insns: [24, 8],
  xlated_prog_insns: [32, 8],
  /** Nanoseconds since boot. */
  load_time: [40, 8],
  created_by_uid: [48, 4],
  nr_map_ids: [52, 4],
  map_ids: [56, 8],
  name: [64, 16],
  ifindex: [80, 4],
  /** A bit field of one bit. */
  gpl_compatible: [84, 4],
  netns_dev: [88, 8],
  netns_ino: [96, 8],
  nr_jited_ksyms: [104, 4],
  nr_jited_func_lens: [108, 4],
  jited_ksyms: [112, 8],
  jited_func_lens: [120, 8],
  btf_id: [128, 4],
  func_info_rec_size: [132, 4],
  func_info: [136, 8],
  nr_func_info: [144, 4],
  nr_line_info: [148, 4],
  line_info: [152, 8],
  jited_line_info: [160, 8],
  nr_jited_line_info: [168, 4],
  line_info_rec_size: [172, 4],
  jited_line_info_rec_size: [176, 4],
  nr_prog_tags: [180, 4],
  prog_tags: [184, 8],
  run_time_ns: [192, 8],
  run_cnt: [200, 8],
  recursion_misses: [208, 8],
  verified_insns: [216, 4],
  attach_btf_obj_id: [220, 4],
  attach_btf_id: [224, 4],
} as const;

export const MAP_INFO = {
  type: [0, 4],
  id: [4, 4],
  key_size: [8, 4],
  value_size: [12, 4],
  max_entries: [16, 4],
  map_flags: [20, 4],
  name: [24, 16],
  ifindex: [40, 4],
  btf_vmlinux_value_type_id: [44, 4],
  netns_dev: [48, 8],
  netns_ino: [56, 8],
  btf_id: [64, 4],
  btf_key_type_id: [68, 4],
  btf_value_type_id: [72, 4],
  btf_vmlinux_id: [76, 4],
  map_extra: [80, 8],
  hash: [88, 8],
  hash_size: [96, 4],
} as const;

export const BTF_INFO = {
  btf: [0, 8],
  btf_size: [8, 4],
  id: [12, 4],
  name: [16, 8],
  name_len: [24, 4],
  kernel_btf: [28, 4],
} as const;

/** The head that every link has; the rest is a union by `type`, 8-byte aligned. */
export const LINK_INFO = {
  type: [0, 4],
  id: [4, 4],
  prog_id: [8, 4],
} as const;

/** The union's arms that socket programs meet. */
export const LINK_INFO_SOCKMAP = { map_id: [16, 4], attach_type: [20, 4] } as const;
export const LINK_INFO_CGROUP = { cgroup_id: [16, 8], attach_type: [24, 4] } as const;
export const LINK_INFO_NETNS = { netns_ino: [16, 4], attach_type: [20, 4] } as const;
/** `xdp`, `tcx` and `netkit`: only the last two fill in an attach type. */
export const LINK_INFO_IFINDEX = { ifindex: [16, 4], attach_type: [20, 4] } as const;
export const LINK_INFO_TRACING = { attach_type: [16, 4], target_obj_id: [20, 4], target_btf_id: [24, 4] } as const;
export const LINK_INFO_STRUCT_OPS = { map_id: [16, 4] } as const;

/** Enough for every arm of `struct bpf_link_info` with room for newer ones; the kernel fills in what it knows. */
export const LINK_INFO_SIZE = 128;
