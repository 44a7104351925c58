/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members.h"
#include "queue.h"

/* Each unit needs most of what others have, for dwz to take out. */
union Either {
	u64 first;
	u8 second[24];
};

struct Embedded {
	u16 padding;
	u32 number;
};

struct Plain {
	u32 tag;
	u8 few : 3;
	u8 more : 5;
	u64 open[];
};

struct Device {
	const char *name;
	union {
		u64 host_features;
		u64 host_features_ex[2];
	};
	union {
		u64 guest_features;
		u64 guest_features_ex[2];
	};
	union {
		struct {
			struct {
				u32 offset;
				u64 size;
			} common, isr, notify;
		};
		u8 regions[64];
	};
	struct {
		struct {
			u8 one;
			union {
				u16 deep;
				struct {
					u32 unused;
					u8 deeper;
				};
			};
		};
	} inner;
	struct Embedded embedded;
	Queue *vq;
};

static u32 shared KEPT = 2;
static union Either either KEPT;
static struct Plain plain KEPT;
static enum Signed sign KEPT = SIGNED_BYTE;
static Device the_device KEPT;
const char version_text[] KEPT = "test emulator version 7.2.22 (other)\nand more";
const char wrong_text[] KEPT = "not the test emulator version 9";

KEPT_CODE int device_init(Device *device, Queue *queue)
{
	device_list[0] = device ? device : &the_device;
	device_list[0]->vq = queue;
	shared += plain.few + (u32)sign;
	either.first = shared;
	return the_device.name != 0;
}

#define EXPECTED(type, name, path) \
	{ __builtin_offsetof(type, path), sizeof(((type *)0)->path) },
const u64 device_members[][2] KEPT = { DEVICE_MEMBERS(EXPECTED) };
const u64 device_size KEPT = sizeof(struct Device);
const u64 either_size KEPT = sizeof(union Either);
const void *const other_addresses[] KEPT = { &shared, device_init };
