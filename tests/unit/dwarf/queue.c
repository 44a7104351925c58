/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members.h"
#include "queue.h"

struct Ring {
	u32 num;
	u32 num_default;
	u32 align;
	u64 desc;
	void *caches;
};

typedef const volatile u16 Qualified;

struct Queue {
	struct Ring ring;
	void *elements;
	u16 last_avail_idx;
	_Bool wrap;
	u16 signalled;
	void (*handle_output)(Device *device, Queue *queue);
	Device *device;
	char names[5][7];
	struct {
		u8 x;
		u32 y;
	} grid[3];
	State state;
	Qualified qualified;
	struct {
		Queue *next;
		Queue **previous;
	} node;
};

typedef struct {
	u8 first;
	u64 second;
} Nameless;

static u32 shared KEPT = 1;
static Queue the_queue KEPT;
static Nameless nameless KEPT;
Device *device_list[3] KEPT;

KEPT_CODE u32 *queue_root(void)
{
	static u32 root NAMED("static_of_queue_root") = 7;

	root++;
	return &root;
}

/* Inlined everywhere: there is only the abstract function, and what it was inlined into. */
static inline u32 count_up(u32 by)
{
	static u32 counter NAMED("static_of_count_up") = 3;

	counter += by;
	return counter;
}

KEPT_CODE Queue *queue_pop(Queue *queue, int num)
{
	u32 *root = queue_root();
	{
		static u32 nested NAMED("static_of_queue_pop") = 2;

		nested += *root;
		shared += nested;
	}
	shared += count_up((u32)num) + count_up(shared);
	return queue && queue->wrap ? queue : &the_queue;
}

#define EXPECTED(type, name, path) \
	{ __builtin_offsetof(type, path), sizeof(((type *)0)->path) },
const u64 queue_members[][2] KEPT = { QUEUE_MEMBERS(EXPECTED) };
const u64 queue_size KEPT = sizeof(struct Queue);
const void *const queue_addresses[] KEPT = { &shared, queue_pop };

void _start(void);
KEPT_CODE void _start(void)
{
	for (;;)
		nameless.second += queue_pop(&the_queue, 3)->ring.num;
}
