/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only file that sees libdwfl. */
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "debuginfo/unwinder.h"

struct unwinder {
	Dwfl *dwfl;
	struct unwinder_setup setup; /**< Without the modules. */
	const struct unwinder_thread *thread; /**< That is being unwound. */
	uint64_t *frames;
	size_t frames_num;
};

/* ---- What libdwfl asks for --------------------------------------------------------- */

static int no_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			const char *file, const char *link, GElf_Word crc, char **found)
{
	(void)module, (void)userdata, (void)name, (void)base, (void)file, (void)link, (void)crc;
	(void)found;
	return -1;
}

static int no_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		  char **file, Elf **elf)
{
	(void)module, (void)userdata, (void)name, (void)base, (void)file, (void)elf;
	return -1;
}

static pid_t next_thread(Dwfl *dwfl, void *argument, void **thread_argument)
{
	const struct unwinder *unwinder = argument;

	(void)dwfl;
	if (*thread_argument)
		return 0;
	*thread_argument = argument;
	return unwinder->thread->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *argument, void **thread_argument)
{
	(void)dwfl, (void)tid;
	*thread_argument = argument;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *argument)
{
	const struct unwinder *unwinder = argument;
	uint64_t value;

	(void)dwfl;
	if (!unwinder->setup.read(unwinder->setup.argument, address, sizeof(value), &value))
		return false;
	*word = value;
	return true;
}

static bool set_registers(Dwfl_Thread *dwfl_thread, void *argument)
{
	const struct unwinder_thread *thread = ((const struct unwinder *)argument)->thread;

	for (int i = 0; i < UNWINDER_REGISTERS; i++) {
		const Dwarf_Word value = thread->registers[i];

		if (thread->known >> i & 1 &&
		    !dwfl_thread_state_registers(dwfl_thread, i, 1, &value))
			return false;
	}
	dwfl_thread_state_register_pc(dwfl_thread, thread->pc);
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* ---- Modules ------------------------------------------------------------------------- */

static bool report_module(Dwfl *dwfl, const struct unwinder_module *module)
{
	int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	/* on success the descriptor is libdwfl's */
	if (dwfl_report_elf(dwfl, module->path, module->path, fd, module->start, false))
		return true;
	close(fd);
	return false;
}

struct virtq_error *unwinder_create(const struct unwinder_setup *setup,
				    struct unwinder **unwinder_ret)
{
	static const Dwfl_Callbacks callbacks = { .find_elf = no_elf,
						  .find_debuginfo = no_debuginfo };
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));
	bool any = false;

	if (!unwinder)
		return &virtq_error_no_memory;
	unwinder->setup = *setup;
	unwinder->setup.modules = NULL;
	unwinder->dwfl = dwfl_begin(&callbacks);
	if (unwinder->dwfl) {
		dwfl_report_begin(unwinder->dwfl);
		for (size_t i = 0; i < setup->modules_num && i < UNWINDER_MODULES_MAX; i++)
			any |= report_module(unwinder->dwfl, &setup->modules[i]);
		dwfl_report_end(unwinder->dwfl, NULL, NULL);
	}
	if (!any || !dwfl_attach_state(unwinder->dwfl, NULL, setup->pid, &thread_callbacks,
				       unwinder)) {
		struct virtq_error *error =
			error_new(VIRTQ_ERROR_UNSUPPORTED, "no backtraces: %s",
				  any ? dwfl_errmsg(-1) : "no file of the process can be read");
		unwinder_destroy(unwinder);
		return error;
	}
	*unwinder_ret = unwinder;
	return NULL;
}

void unwinder_destroy(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	if (unwinder->dwfl)
		dwfl_end(unwinder->dwfl);
	free(unwinder);
}

/* ---- Frames ---------------------------------------------------------------------------- */

static int add_frame(Dwfl_Frame *frame, void *argument)
{
	struct unwinder *unwinder = argument;
	bool is_activation;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, &is_activation))
		return DWARF_CB_ABORT;
	/* a return address may be behind the end of the function that called */
	unwinder->frames[unwinder->frames_num++] = pc - !is_activation;
	return unwinder->frames_num == UNWINDER_FRAMES_MAX ? DWARF_CB_ABORT : DWARF_CB_OK;
}

size_t unwinder_run(struct unwinder *unwinder, const struct unwinder_thread *thread,
		    uint64_t frames_ret[UNWINDER_FRAMES_MAX])
{
	unwinder->thread = thread;
	unwinder->frames = frames_ret;
	unwinder->frames_num = 0;
	dwfl_getthread_frames(unwinder->dwfl, thread->tid, add_frame, unwinder);
	return unwinder->frames_num;
}

/* ---- Names ----------------------------------------------------------------------------- */

/** Addresses in their order. */
struct naming {
	struct unwinder_name **sorted;
	size_t num;
	bool failed;
};

static int compare_names(const void *left, const void *right)
{
	const struct unwinder_name *const *a = left, *const *b = right;

	return (*a)->address < (*b)->address ? -1 : (*a)->address > (*b)->address;
}

/** The first one at @address or above; `num` if there is none. */
static size_t first_from(const struct naming *naming, uint64_t address)
{
	size_t low = 0, high = naming->num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (naming->sorted[middle]->address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int name_in_module(Dwfl_Module *module, void **userdata, const char *path, Dwarf_Addr start,
			  void *argument)
{
	struct naming *naming = argument;
	Dwarf_Addr end;

	(void)userdata;
	dwfl_module_info(module, NULL, NULL, &end, NULL, NULL, NULL, NULL);
	size_t first = first_from(naming, start);
	if (first == naming->num || naming->sorted[first]->address >= end)
		return DWARF_CB_OK;
	int num = dwfl_module_getsymtab(module);
	for (int i = 1; i < num; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL,
							   NULL);

		if (!name || !*name || GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !symbol.st_size)
			continue;
		for (size_t j = first_from(naming, address);
		     j < naming->num && naming->sorted[j]->address - address < symbol.st_size; j++) {
			struct unwinder_name *found = naming->sorted[j];

			/* of two names for one function the plainer: not __poll but poll */
			if (found->name && (name[0] == '_' || found->name[0] != '_'))
				continue;
			free(found->name);
			found->name = strdup(name);
			naming->failed |= !found->name;
		}
	}
	/* a library without symbols: where in it, for who has them */
	const char *slash = strrchr(path, '/');
	for (; first < naming->num && naming->sorted[first]->address < end; first++) {
		struct unwinder_name *found = naming->sorted[first];

		if (found->name)
			continue;
		if (asprintf(&found->name, "%s+0x%llx", slash ? slash + 1 : path,
			     (unsigned long long)(found->address - start)) < 0) {
			found->name = NULL;
			naming->failed = true;
		}
	}
	return DWARF_CB_OK;
}

struct virtq_error *unwinder_names(struct unwinder *unwinder, struct unwinder_name *names,
				   size_t num)
{
	struct naming naming = { .sorted = array_new(num, sizeof(*naming.sorted)), .num = num };

	if (!naming.sorted)
		return &virtq_error_no_memory;
	for (size_t i = 0; i < num; i++)
		naming.sorted[i] = &names[i];
	if (num)
		qsort(naming.sorted, num, sizeof(*naming.sorted), compare_names);
	dwfl_getmodules(unwinder->dwfl, name_in_module, &naming, 0);
	free(naming.sorted);
	return naming.failed ? &virtq_error_no_memory : NULL;
}
