/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What gdb and a JIT reader agree on: chapter "Custom Debug Info" of gdb's
 * manual, interface version 1, the same since gdb 7.3. Only what a reader
 * needs that provides no debug info; gdb installs the whole as
 * <gdb/jit-reader.h>, with which tests/gdb/abi.sh compares this.
 */
#ifndef VIRTQ_GDB_JIT_READER_ABI_H
#define VIRTQ_GDB_JIT_READER_ABI_H

#define GDB_READER_INTERFACE_VERSION 1

typedef unsigned long GDB_CORE_ADDR;

enum gdb_status { GDB_FAIL = 0, GDB_SUCCESS = 1 };

struct gdb_symbol_callbacks;
struct gdb_reg_value;

/** Reads @len bytes of the target at @target_mem. */
typedef enum gdb_status(gdb_target_read)(GDB_CORE_ADDR target_mem, void *gdb_buf, int len);

struct gdb_unwind_callbacks {
	struct gdb_reg_value *(*reg_get)(struct gdb_unwind_callbacks *cb, int regnum);
	void (*reg_set)(struct gdb_unwind_callbacks *cb, int regnum, struct gdb_reg_value *val);
	gdb_target_read *target_read;
	void *priv_data;
};

struct gdb_frame_id {
	GDB_CORE_ADDR code_address;
	GDB_CORE_ADDR stack_address;
};

struct gdb_reader_funcs {
	int reader_version; /**< GDB_READER_INTERFACE_VERSION */
	void *priv_data;
	/** New debug info: GDB_FAIL leaves it to gdb. */
	enum gdb_status (*read)(struct gdb_reader_funcs *self, struct gdb_symbol_callbacks *cb,
				void *memory, long memory_sz);
	/** A frame is computed: GDB_FAIL leaves it to gdb. */
	enum gdb_status (*unwind)(struct gdb_reader_funcs *self, struct gdb_unwind_callbacks *cb);
	/** Only called for frames that unwind took. */
	struct gdb_frame_id (*get_frame_id)(struct gdb_reader_funcs *self,
					    struct gdb_unwind_callbacks *cb);
	void (*destroy)(struct gdb_reader_funcs *self);
};

/** The two symbols that gdb looks for. */
__attribute__((visibility("default"))) struct gdb_reader_funcs *gdb_init_reader(void);
__attribute__((visibility("default"))) int plugin_is_GPL_compatible(void);

#endif
