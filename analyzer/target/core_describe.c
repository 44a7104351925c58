/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Says what a file is that was taken for a core: half of a clear error message. */
#include <elf.h>
#include <string.h>

#include "base/checked.h"
#include "target/core_image.h"

static const struct {
	const char *magic;
	size_t length;
	const char *description;
} magics[] = {
	{ "#!", 2, "a script" },
	{ "KDUMP   ", 8, "a kernel crash dump (makedumpfile)" },
	{ "DISKDUMP", 8, "a kernel crash dump (makedumpfile)" },
	{ "makedumpfile", 12, "a kernel crash dump (makedumpfile)" },
	{ "LibvirtQemudSave", 16, "a guest saved by libvirt, not a core of QEMU" },
	{ "LibvirtQemudPart", 16, "a guest half saved by libvirt, not a core of QEMU" },
	{ "QEVM", 4, "a migration stream, not a core of QEMU" },
	{ "QFI\xfb", 4, "a disk image (qcow2)" },
	{ "PK\3\4", 4, "a zip archive" },
	{ "!<arch>\n", 8, "an ar archive" },
};

static const char *describe_elf(const struct elf_identity *identity)
{
	switch (identity->type) {
	case ET_EXEC:
		return "an executable";
	case ET_DYN:
		return "an executable or shared library";
	case ET_REL:
		return "an object file";
	case ET_CORE:
		return "a core";
	default:
		return "an ELF file of another type";
	}
}

const char *core_describe(const void *bytes, size_t length)
{
	const uint8_t *p = bytes;
	struct elf_identity identity;

	if (!length)
		return "an empty file";
	if (elf_reader_identify(bytes, length, &identity))
		return describe_elf(&identity);
	if (length >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
		return length < ELF_READER_HEADER_SIZE ? "an ELF file cut inside its header" :
							 "an ELF file with a damaged header";
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (length >= magics[i].length &&
		    memcmp(bytes, magics[i].magic, magics[i].length) == 0)
			return magics[i].description;
	if (length > 262 && memcmp(p + 257, "ustar", 5) == 0)
		return "a tar archive";

	bool zeros = true, text = true;
	for (size_t i = 0; i < length; i++) {
		zeros = zeros && p[i] == 0;
		text = text && p[i] != 0x7f && (p[i] >= 0x20 || (p[i] >= '\t' && p[i] <= '\r'));
	}
	return zeros ? "nothing but zeros" : text ? "text" : "of an unknown kind";
}
