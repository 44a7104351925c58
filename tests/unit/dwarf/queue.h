/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources of the small program that test_dwarf.c compiles in many ways. It is
 * freestanding, so that every cross compiler can link it, and never run: what
 * the compiler thinks of each member is in arrays that the test reads from the
 * file.
 */
#ifndef QUEUE_H
#define QUEUE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Complete in one source only, a declaration elsewhere. */
typedef struct Queue Queue;
typedef struct Device Device;
typedef struct Far Far;
typedef struct NeverDefined NeverDefined;
typedef struct _Tag Alias;

typedef enum State { STATE_OFF, STATE_ON = 200, STATE_HIGH = 0x7fffffff } State;
enum Signed { SIGNED_LOW = -2147483647, SIGNED_MINUS = -1, SIGNED_ZERO, SIGNED_BYTE = 130 };

extern Device *device_list[3];
extern Far *far_list;
extern Alias *alias_list;
extern NeverDefined *never_defined;

Queue *queue_pop(Queue *queue, int num);
u32 *queue_root(void);
int device_init(Device *device, Queue *queue);

#define KEPT __attribute__((used))
#define KEPT_CODE __attribute__((used, noinline))

/* A static with a symbol of its own, to tell its address by; clang has its own way for that. */
#ifdef __clang__
#define NAMED(name)
#else
#define NAMED(name) __asm__(name)
#endif

#endif
