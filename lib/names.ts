/** BPF_OBJ_NAME_LEN is 16, one of them for NUL. */
const MAX_KERNEL_NAME = 15;

/**
 * A name as the kernel takes it: letters, digits, `_` and `.`, at most 15 bytes (kernel/bpf/syscall.c, bpf_obj_name_cpy).
 * Every other character becomes `_`.
 */
export function kernelName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.]/gu, "_").slice(0, MAX_KERNEL_NAME);
}

/** The name that libbpf gives to a data section's map: the object's, as much of it as fits, and the section's (internal_map_name). */
export function dataMapName(object: string, section: string): string {
  // A section with two dots, such as `.data.counters`, is a name of its own.
  if (section.indexOf(".", 1) > 0) return kernelName(section);
  const suffix = Math.min(Math.max(7, section.length), MAX_KERNEL_NAME);
  return kernelName(object.slice(0, MAX_KERNEL_NAME - suffix) + section.slice(0, suffix));
}
