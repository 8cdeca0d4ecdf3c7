/* SPDX-License-Identifier: MIT */
/*
 * Sees every message that the sockets in INTERCEPT_EGRESS send, counts it,
 * and drops it if POLICY says so.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The sockets whose messages are seen, by a key of the user's choice. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} INTERCEPT_EGRESS SEC(".maps");

enum counter {
	COUNTER_MESSAGES,	/* 0: messages seen */
	COUNTER_BYTES,		/* 1: bytes in them */
	COUNTER_PASSED,		/* 2: messages passed */
	COUNTER_DROPPED,	/* 3: messages dropped */
	COUNTER_ENTRIES,
};

/* What the program has done so far, by enum counter. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTER_ENTRIES);
	__type(key, __u32);
	__type(value, __u64);
} COUNTERS SEC(".maps");

enum policy {
	POLICY_PASS,		/* 0: pass everything; what the map begins with */
	POLICY_DROP_WORD,	/* 1: drop messages that begin with "drop" */
	POLICY_DROP,		/* 2: drop everything */
};

/* At key 0: what to do with messages, an enum policy. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} POLICY SEC(".maps");

static __always_inline void add(__u32 counter, __u64 amount)
{
	__u64 *value = bpf_map_lookup_elem(&COUNTERS, &counter);

	if (value)
		__sync_fetch_and_add(value, amount);
}

static __always_inline int begins_with_drop(struct sk_msg_md *msg)
{
	__u8 *data = msg->data, *end = msg->data_end;

	if (data + 4 > end) {
		/* Too short, or not mapped yet (sendfile, split buffers). */
		if (bpf_msg_pull_data(msg, 0, 4, 0))
			return 0;
		data = msg->data;
		end = msg->data_end;
		if (data + 4 > end)
			return 0;
	}
	return data[0] == 'd' && data[1] == 'r' && data[2] == 'o' && data[3] == 'p';
}

static __always_inline int refused(struct sk_msg_md *msg)
{
	__u32 key = 0;
	__u32 *policy = bpf_map_lookup_elem(&POLICY, &key);

	if (!policy || *policy == POLICY_PASS)
		return 0;
	return *policy == POLICY_DROP || begins_with_drop(msg);
}

SEC("sk_msg")
int intercept_egress_packet(struct sk_msg_md *msg)
{
	add(COUNTER_MESSAGES, 1);
	add(COUNTER_BYTES, msg->size);
	if (refused(msg)) {
		add(COUNTER_DROPPED, 1);
		return SK_DROP;
	}
	add(COUNTER_PASSED, 1);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
