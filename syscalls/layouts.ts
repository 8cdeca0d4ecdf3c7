/**
 * The parts of `union bpf_attr` that each command reads, and the info structs that the kernel fills in:
 * every field as [byte offset, bytes], under its kernel name (include/uapi/linux/bpf.h, Linux 6.18).
 * Numbers are in the host's byte order. 16 bytes is a NUL-padded name; 8 bytes a number or an address.
 * tests/syscalls/layouts.test.ts checks every row against the running kernel's BTF.
 */
export type Field = readonly [offset: number, width: number];
export type Layout = Readonly<Record<string, Field>>;

export const MAP_CREATE = {
  map_type: [0, 4],
  key_size: [4, 4],
  value_size: [8, 4],
  max_entries: [12, 4],
  map_flags: [16, 4],
  inner_map_fd: [20, 4],
  numa_node: [24, 4],
  map_name: [28, 16],
  map_ifindex: [44, 4],
  btf_fd: [48, 4],
  btf_key_type_id: [52, 4],
  btf_value_type_id: [56, 4],
  btf_vmlinux_value_type_id: [60, 4],
  map_extra: [64, 8],
  value_type_btf_obj_fd: [72, 4],
  map_token_fd: [76, 4],
  excl_prog_hash: [80, 8],
  excl_prog_hash_size: [88, 4],
} as const;

/** BPF_MAP_LOOKUP_ELEM, UPDATE, DELETE, LOOKUP_AND_DELETE, GET_NEXT_KEY and FREEZE. */
export const MAP_ELEM = {
  map_fd: [0, 4],
  key: [8, 8],
  /** `next_key` for BPF_MAP_GET_NEXT_KEY. */
  value: [16, 8],
  flags: [24, 8],
} as const;

/** BPF_MAP_LOOKUP_BATCH, LOOKUP_AND_DELETE, UPDATE and DELETE_BATCH. */
export const MAP_BATCH = {
  in_batch: [0, 8],
  out_batch: [8, 8],
  keys: [16, 8],
  values: [24, 8],
  count: [32, 4],
  map_fd: [36, 4],
  elem_flags: [40, 8],
  flags: [48, 8],
} as const;

export const PROG_LOAD = {
  prog_type: [0, 4],
  insn_cnt: [4, 4],
  insns: [8, 8],
  license: [16, 8],
  log_level: [24, 4],
  log_size: [28, 4],
  log_buf: [32, 8],
  kern_version: [40, 4],
  prog_flags: [44, 4],
  prog_name: [48, 16],
  prog_ifindex: [64, 4],
  expected_attach_type: [68, 4],
  prog_btf_fd: [72, 4],
  func_info_rec_size: [76, 4],
  func_info: [80, 8],
  func_info_cnt: [88, 4],
  line_info_rec_size: [92, 4],
  line_info: [96, 8],
  line_info_cnt: [104, 4],
  attach_btf_id: [108, 4],
  /** `attach_btf_obj_fd` shares the place. */
  attach_prog_fd: [112, 4],
  core_relo_cnt: [116, 4],
  fd_array: [120, 8],
  core_relos: [128, 8],
  core_relo_rec_size: [136, 4],
  log_true_size: [140, 4],
  prog_token_fd: [144, 4],
  fd_array_cnt: [148, 4],
  signature: [152, 8],
  signature_size: [160, 4],
  keyring_id: [164, 4],
} as const;

/** BPF_OBJ_PIN and BPF_OBJ_GET. */
export const OBJ = {
  pathname: [0, 8],
  bpf_fd: [8, 4],
  file_flags: [12, 4],
  path_fd: [16, 4],
} as const;

/** BPF_PROG_ATTACH and BPF_PROG_DETACH. */
export const PROG_ATTACH = {
  target_fd: [0, 4],
  attach_bpf_fd: [4, 4],
  attach_type: [8, 4],
  attach_flags: [12, 4],
  replace_bpf_fd: [16, 4],
  relative_fd: [20, 4],
  expected_revision: [24, 8],
} as const;

export const PROG_TEST_RUN = {
  prog_fd: [0, 4],
  retval: [4, 4],
  data_size_in: [8, 4],
  data_size_out: [12, 4],
  data_in: [16, 8],
  data_out: [24, 8],
  repeat: [32, 4],
  duration: [36, 4],
  ctx_size_in: [40, 4],
  ctx_size_out: [44, 4],
  ctx_in: [48, 8],
  ctx_out: [56, 8],
  flags: [64, 4],
  cpu: [68, 4],
  batch_size: [72, 4],
} as const;

/** BPF_*_GET_NEXT_ID (`start_id`, `next_id`) and BPF_*_GET_FD_BY_ID (`start_id` is the id). */
export const OBJ_ID = {
  start_id: [0, 4],
  next_id: [4, 4],
  open_flags: [8, 4],
  fd_by_id_token_fd: [12, 4],
} as const;

export const OBJ_INFO = {
  bpf_fd: [0, 4],
  info_len: [4, 4],
  info: [8, 8],
} as const;

export const PROG_QUERY = {
  target_fd: [0, 4],
  attach_type: [4, 4],
  query_flags: [8, 4],
  attach_flags: [12, 4],
  prog_ids: [16, 8],
  prog_cnt: [24, 4],
  prog_attach_flags: [32, 8],
  link_ids: [40, 8],
  link_attach_flags: [48, 8],
  revision: [56, 8],
} as const;

export const RAW_TRACEPOINT_OPEN = {
  name: [0, 8],
  prog_fd: [8, 4],
  cookie: [16, 8],
} as const;

export const BTF_LOAD = {
  btf: [0, 8],
  btf_log_buf: [8, 8],
  btf_size: [16, 4],
  btf_log_size: [20, 4],
  btf_log_level: [24, 4],
  btf_log_true_size: [28, 4],
  btf_flags: [32, 4],
  btf_token_fd: [36, 4],
} as const;

export const TASK_FD_QUERY = {
  pid: [0, 4],
  fd: [4, 4],
  flags: [8, 4],
  buf_len: [12, 4],
  buf: [16, 8],
  prog_id: [24, 4],
  fd_type: [28, 4],
  probe_offset: [32, 8],
  probe_addr: [40, 8],
} as const;

/** What follows `flags` depends on the attach type; these are the parts that cgroup, tcx and tracing links use. */
export const LINK_CREATE = {
  prog_fd: [0, 4],
  target_fd: [4, 4],
  attach_type: [8, 4],
  flags: [12, 4],
  /** `relative_fd` or `relative_id` (tcx, netkit, cgroup), `iter_info`'s low half shares the place. */
  target_btf_id: [16, 4],
  iter_info: [16, 8],
  iter_info_len: [24, 4],
  expected_revision: [24, 8],
} as const;

export const LINK_UPDATE = {
  link_fd: [0, 4],
  new_prog_fd: [4, 4],
  flags: [8, 4],
  old_prog_fd: [12, 4],
} as const;

export const LINK_DETACH = { link_fd: [0, 4] } as const;

export const ENABLE_STATS = { type: [0, 4] } as const;

export const ITER_CREATE = { link_fd: [0, 4], flags: [4, 4] } as const;

export const PROG_BIND_MAP = { prog_fd: [0, 4], map_fd: [4, 4], flags: [8, 4] } as const;

export const TOKEN_CREATE = { flags: [0, 4], bpffs_fd: [4, 4] } as const;

export const PROG_STREAM_READ = {
  stream_buf: [0, 8],
  stream_buf_len: [8, 4],
  stream_id: [12, 4],
  prog_fd: [16, 4],
} as const;
