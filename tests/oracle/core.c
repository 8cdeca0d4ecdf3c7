// SPDX-License-Identifier: MIT
/*
 * What libbpf makes of objects with CO-RE relocations: for each line "OBJECT
 * BTF" of the standard input it opens OBJECT, with the types of a kernel in the
 * file BTF (or those of the running kernel, if BTF is "-"), and prints a line:
 * the programs as "NAME=INSTRUCTIONS", in hexadecimal, or "refused" where a
 * relocation could not be applied. Whether the kernel takes the programs does
 * not matter: by then the instructions are final.
 *
 *	cc -O2 -o core core.c -lbpf
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <bpf/libbpf.h>

static int verbose;
static int refused;

static int print(enum libbpf_print_level level, const char *format, va_list args)
{
	if (strstr(format, "failed to perform CO-RE relocations"))
		refused = 1;
	if (verbose && (level != LIBBPF_DEBUG || strstr(format, "relo #")))
		vfprintf(stderr, format, args);
	return 0;
}

static void dump(const char *path, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct bpf_program *program;
	struct bpf_object *object;

	refused = 0;
	if (strcmp(btf, "-"))
		opts.btf_custom_path = btf;
	object = bpf_object__open_file(path, &opts);
	if (!object) {
		printf("unopened\n");
		return;
	}
	bpf_object__load(object);
	if (refused) {
		printf("refused\n");
	} else {
		bpf_object__for_each_program(program, object) {
			const struct bpf_insn *insns = bpf_program__insns(program);
			const unsigned char *bytes = (const unsigned char *)insns;
			size_t size = bpf_program__insn_cnt(program) * sizeof(*insns);

			printf("%s=", bpf_program__name(program));
			for (size_t i = 0; i < size; i++)
				printf("%02x", bytes[i]);
			printf(" ");
		}
		printf("\n");
	}
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	char path[4096], btf[4096];

	verbose = argc > 1;
	libbpf_set_print(print);
	while (scanf("%4095s %4095s", path, btf) == 2) {
		dump(path, btf);
		fflush(stdout);
	}
	return 0;
}
