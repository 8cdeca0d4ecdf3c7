/* SPDX-License-Identifier: MIT */
/*
 * The C side: the same work as subject/works.ts, through libbpf.
 *
 * Reads lines "WORK COUNT" and answers each by one line with the nanoseconds
 * that one of COUNT operations took. Arguments: two object files, the second
 * with CO-RE relocations; without them, prints the version of libbpf.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define ENTRIES 1024

static const char *object_path, *core_object_path;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(int failed, const char *what)
{
	if (failed)
		die(what);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * One map of each type for all rounds: the kernel frees maps and sockets later
 * on, and would do so while the other side is being measured.
 */
static int map_of(enum bpf_map_type type)
{
	static int fds[BPF_MAP_TYPE_SOCKHASH + 1];

	if (!fds[type]) {
		fds[type] = bpf_map_create(type, "bench", 4, 8, ENTRIES, NULL);
		check(fds[type] < 0, "bpf_map_create");
	}
	return fds[type];
}

static void fill(int fd)
{
	for (uint32_t key = 0; key < ENTRIES; key++) {
		uint64_t value = key;

		check(bpf_map_update_elem(fd, &key, &value, BPF_ANY), "bpf_map_update_elem");
	}
}

static uint64_t lookup(enum bpf_map_type type, int count)
{
	int fd = map_of(type);
	uint64_t start, value;

	fill(fd);
	start = now();
	for (int i = 0; i < count; i++) {
		uint32_t key = i % ENTRIES;

		check(bpf_map_lookup_elem(fd, &key, &value), "bpf_map_lookup_elem");
	}
	return now() - start;
}

static uint64_t update(enum bpf_map_type type, int count)
{
	int fd = map_of(type);
	uint64_t start;

	fill(fd);
	start = now();
	for (int i = 0; i < count; i++) {
		uint32_t key = i % ENTRIES;
		uint64_t value = key;

		check(bpf_map_update_elem(fd, &key, &value, BPF_ANY), "bpf_map_update_elem");
	}
	return now() - start;
}

static uint64_t hash_lookup(int count) { return lookup(BPF_MAP_TYPE_HASH, count); }
static uint64_t hash_update(int count) { return update(BPF_MAP_TYPE_HASH, count); }
static uint64_t array_lookup(int count) { return lookup(BPF_MAP_TYPE_ARRAY, count); }
static uint64_t array_update(int count) { return update(BPF_MAP_TYPE_ARRAY, count); }

static uint64_t hash_delete(int count)
{
	int fd = map_of(BPF_MAP_TYPE_HASH);
	uint64_t took = 0;

	for (int done = 0; done < count;) {
		uint64_t start;

		fill(fd);
		start = now();
		for (uint32_t key = 0; key < ENTRIES && done < count; key++, done++)
			check(bpf_map_delete_elem(fd, &key), "bpf_map_delete_elem");
		took += now() - start;
	}
	return took;
}

static int connected_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	check(bind(server, (struct sockaddr *)&address, length), "bind");
	check(listen(server, 1), "listen");
	check(getsockname(server, (struct sockaddr *)&address, &length), "getsockname");
	check(connect(client, (struct sockaddr *)&address, length), "connect");
	return client;
}

static uint64_t sockhash_insert(int count)
{
	static int client;
	int fd = map_of(BPF_MAP_TYPE_SOCKHASH);
	uint64_t start, value;
	uint32_t key = 1;

	if (!client)
		client = connected_socket();
	value = client;
	start = now();
	for (int i = 0; i < count; i++)
		check(bpf_map_update_elem(fd, &key, &value, BPF_ANY), "bpf_map_update_elem");
	return now() - start;
}

static uint64_t parse(int count)
{
	static char bytes[1 << 20];
	FILE *file = fopen(object_path, "r");
	uint64_t start, took;
	size_t size;

	check(!file, object_path);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	start = now();
	for (int i = 0; i < count; i++) {
		struct bpf_object *object = bpf_object__open_mem(bytes, size, NULL);

		check(!object, "bpf_object__open_mem");
		bpf_object__close(object);
	}
	took = now() - start;
	return took;
}

static uint64_t load_object(const char *path, int count)
{
	uint64_t start = now();

	for (int i = 0; i < count; i++) {
		struct bpf_object *object = bpf_object__open_file(path, NULL);

		check(!object, "bpf_object__open_file");
		check(bpf_object__load(object), "bpf_object__load");
		bpf_object__close(object);
	}
	return now() - start;
}

static uint64_t load(int count) { return load_object(object_path, count); }
static uint64_t load_core(int count) { return load_object(core_object_path, count); }

static uint64_t btf_index(int count)
{
	uint64_t start = now();

	for (int i = 0; i < count; i++) {
		struct btf *btf = btf__parse_raw("/sys/kernel/btf/vmlinux");

		check(!btf, "btf__parse_raw");
		btf__free(btf);
	}
	return now() - start;
}

static const struct {
	const char *name;
	uint64_t (*run)(int count);
} works[] = {
	{ "hash-lookup", hash_lookup },
	{ "hash-update", hash_update },
	{ "hash-delete", hash_delete },
	{ "array-lookup", array_lookup },
	{ "array-update", array_update },
	{ "sockhash-insert", sockhash_insert },
	{ "parse", parse },
	{ "load", load },
	{ "load-core", load_core },
	{ "btf-index", btf_index },
};

int main(int argc, char **argv)
{
	char name[64];
	int count;

	if (argc < 3) {
		puts(libbpf_version_string());
		return 0;
	}
	object_path = argv[1];
	core_object_path = argv[2];
	libbpf_set_print(NULL);
	while (scanf("%63s %d", name, &count) == 2) {
		size_t i = 0;

		while (i < sizeof(works) / sizeof(*works) && strcmp(works[i].name, name))
			i++;
		if (i == sizeof(works) / sizeof(*works)) {
			fprintf(stderr, "no such work: %s\n", name);
			return 1;
		}
		printf("%f\n", (double)works[i].run(count) / count);
		fflush(stdout);
	}
	return 0;
}
