/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "context.h"
#include "debuginfo/layout.h"
#include "report/privacy.h"
#include "target/text.h"

static const char *const kind_words[] = {
	[PRIVACY_PATH] = "host-path",
	[PRIVACY_MAC] = "mac",
	[PRIVACY_IP] = "ip",
	[PRIVACY_SECRET] = "secret",
	[PRIVACY_ARGUMENT] = "argument",
};

const char *privacy_kind_word(enum privacy_kind kind)
{
	return kind_words[kind];
}

/** A text and what stands for it. */
struct privacy_entry {
	const char *text;
	size_t length;
	enum privacy_kind kind;
	unsigned int number;
	char copy[];
};

void privacy_deinit(struct privacy *privacy)
{
	tdestroy(privacy->entries, free);
	*privacy = (struct privacy){ 0 };
}

/* ---- Placeholders -------------------------------------------------------------- */

static int compare_entries(const void *left, const void *right)
{
	const struct privacy_entry *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->text, b->text, a->length);
}

static struct privacy_entry *find_entry(const struct privacy *privacy, const char *text,
					size_t length, enum privacy_kind kind)
{
	const struct privacy_entry wanted = { .text = text, .length = length, .kind = kind };
	struct privacy_entry *const *found = tfind(&wanted, &privacy->entries, compare_entries);

	return found ? *found : NULL;
}

static struct privacy_entry *new_entry(struct privacy *privacy, const char *text, size_t length,
				       enum privacy_kind kind)
{
	struct privacy_entry *entry = malloc(sizeof(*entry) + length);

	if (entry) {
		*entry = (struct privacy_entry){ .text = entry->copy, .length = length, .kind = kind };
		memcpy(entry->copy, text, length);
	}
	if (!entry || !tsearch(entry, &privacy->entries, compare_entries)) {
		free(entry);
		privacy->failed = true;
		return NULL;
	}
	if (kind == PRIVACY_PATH && length) {
		privacy->path_starts[(unsigned char)text[0]] = true;
		if (length > privacy->longest_path)
			privacy->longest_path = length;
	}
	return entry;
}

/** Add what stands for @text. */
static void replace(struct privacy *privacy, struct buffer *buffer, const char *text, size_t length,
		    enum privacy_kind kind)
{
	struct privacy_entry *entry = find_entry(privacy, text, length, kind);

	if (!entry)
		entry = new_entry(privacy, text, length, kind);
	if (!entry)
		return;
	if (!entry->number)
		entry->number = ++privacy->counts[kind];
	buffer_printf(buffer, "<%s-%u>", kind_words[kind], entry->number);
}

/** The length of a placeholder that @text starts with, else 0. Its number is taken from now on. */
static size_t placeholder_length(struct privacy *privacy, const char *text)
{
	for (int kind = 0; kind < PRIVACY_KINDS; kind++) {
		size_t length = strlen(kind_words[kind]);
		char *end;

		if (strncmp(text + 1, kind_words[kind], length) != 0 || text[1 + length] != '-' ||
		    !isdigit((unsigned char)text[2 + length]))
			continue;
		unsigned long number = strtoul(text + 2 + length, &end, 10);
		if (*end != '>' || number > 1000000)
			continue;
		if (number > privacy->counts[kind])
			privacy->counts[kind] = (unsigned int)number;
		return (size_t)(end + 1 - text);
	}
	return 0;
}

/* ---- Paths ----------------------------------------------------------------------- */

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/** Is it a file that every host has, or a path in QEMU's object tree? */
static bool is_public_path(const char *path, size_t length)
{
	static const char *const trees[] = { "/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/",
					     "/proc/", "/sys/", "/machine/", "/objects/",
					     "/chardevs/", "/backend/" };
	static const char *const files[] = { "/machine", "/objects", "/dev/kvm", "/dev/vhost-net",
					     "/dev/vhost-vsock", "/dev/vhost-scsi", "/dev/net/tun",
					     "/dev/null", "/dev/zero", "/dev/urandom",
					     "/dev/random", "/dev/fdset" };

	/* below /usr/local and /usr/src people have things of their own */
	if (starts_with(path, "/usr/local/") || starts_with(path, "/usr/src/") ||
	    memmem(path, length, "/../", 4))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(trees); i++)
		if (starts_with(path, trees[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strlen(files[i]) == length && memcmp(path, files[i], length) == 0)
			return true;
	return false;
}

void privacy_learn_path(struct privacy *privacy, const char *path)
{
	/* a name without a directory may be any word of a text */
	if (privacy->keep || !path || !strchr(path, '/') || !strcmp(path, "/") ||
	    is_public_path(path, strlen(path)) ||
	    find_entry(privacy, path, strlen(path), PRIVACY_PATH))
		return;
	/* the number is given when it is first replaced */
	new_entry(privacy, path, strlen(path), PRIVACY_PATH);
}

void privacy_add_path(struct privacy *privacy, struct buffer *buffer, const char *path)
{
	size_t length = strlen(path);

	if (privacy->keep || !length || is_public_path(path, length) || !strcmp(path, "-") ||
	    (path[0] == '<' && placeholder_length(privacy, path) == length))
		buffer_add(buffer, path);
	else
		replace(privacy, buffer, path, length, PRIVACY_PATH);
}

void privacy_add_binary(struct privacy *privacy, struct buffer *buffer, const char *path)
{
	const char *name = strrchr(path, '/');

	if (privacy->keep || !name || name == path || is_public_path(path, strlen(path)) ||
	    (path[0] == '<' && placeholder_length(privacy, path) == (size_t)(name - path))) {
		buffer_add(buffer, path);
		return;
	}
	/* absolute, so that it is still a path to whoever reads it */
	buffer_add(buffer, path[0] == '/' ? "/" : "");
	replace(privacy, buffer, path, (size_t)(name - path), PRIVACY_PATH);
	buffer_add(buffer, name);
}

/* ---- Patterns in texts --------------------------------------------------------------- */

/** Six pairs of hexadecimal digits, with colons or hyphens. */
static size_t mac_length(const char *text)
{
	char separator = text[0] && text[1] ? text[2] : 0;

	if (separator != ':' && separator != '-')
		return 0;
	for (int i = 0; i < 17; i++) {
		bool right = i % 3 == 2 ? text[i] == separator : isxdigit((unsigned char)text[i]);

		if (!right)
			return 0;
	}
	return isxdigit((unsigned char)text[17]) || text[17] == separator ? 0 : 17;
}

static size_t ipv4_length(const char *text)
{
	const char *at = text;

	for (int i = 0; i < 4; i++) {
		unsigned int value = 0, digits = 0;

		if (i && *at++ != '.')
			return 0;
		for (; isdigit((unsigned char)*at) && digits < 4; at++, digits++)
			value = value * 10 + (unsigned int)(*at - '0');
		if (!digits || digits > 3 || value > 255)
			return 0;
	}
	return isalnum((unsigned char)*at) || (*at == '.' && isdigit((unsigned char)at[1])) ?
		       0 : (size_t)(at - text);
}

/** Three colons make it one: a PCI address has two. */
static size_t ipv6_length(const char *text)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF:");
	unsigned int colons = 0, digits = 0;

	for (size_t i = 0; i < length; i++) {
		digits = text[i] == ':' ? 0 : digits + 1;
		colons += text[i] == ':';
		if (digits > 4)
			return 0;
	}
	bool doubled = memmem(text, length, "::", 2) && length > 2;
	if (isalnum((unsigned char)text[length]) || (colons < 3 && !doubled) || colons > 7)
		return 0;
	return length;
}

/** An absolute path: up to what cannot be in one that is quoted in a message. */
static size_t path_length(const char *text)
{
	if (text[0] != '/' || !(isalnum((unsigned char)text[1]) || strchr("._-~", text[1])) || !text[1])
		return 0;
	size_t length = strcspn(text, " \t\n'\"(),;<>|&");
	while (length && strchr(":.", text[length - 1]))
		length--;
	return length;
}

/** "user:password@" of a URI whose "://" is before @text; 0 if there is none. */
static size_t userinfo_length(const char *text)
{
	size_t length = strcspn(text, "/@ \t\n'\"<>?#");

	return text[length] == '@' ? length : 0;
}

static bool is_secret_name(const char *name, size_t length)
{
	static const char *const words[] = { "password", "passwd", "passphrase", "secret", "token",
					     "credential", "private", "apikey", "auth", "user",
					     "login" };
	char lower[64];

	if (length >= sizeof(lower))
		length = sizeof(lower) - 1;
	for (size_t i = 0; i < length; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[length] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(lower, words[i]))
			return true;
	return !strcmp(lower, "key") || !strcmp(lower, "data") || !strcmp(lower, "iv");
}

/** "password=..." or "token: ...": the length of the name and what separates it; 0 if it is none. */
static size_t secret_prefix_length(const char *text)
{
	size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return name && text[name] == '=' && is_secret_name(text, name) ? name + 1 : 0;
}

/** Does a path go on here, so that what is before is only the start of another one? */
static bool continues_path(const char *text)
{
	return isalnum((unsigned char)text[0]) || (text[0] && strchr("/_-~", text[0])) ||
	       (text[0] == '.' && isalnum((unsigned char)text[1]));
}

/** The length of the longest path that is known and that @text starts with, else 0. */
static size_t learned_length(const struct privacy *privacy, const char *text)
{
	size_t longest = 0;

	if (!privacy->path_starts[(unsigned char)text[0]])
		return 0;
	for (size_t length = 1; length <= privacy->longest_path && text[length - 1]; length++)
		if (!continues_path(text + length) &&
		    find_entry(privacy, text, length, PRIVACY_PATH))
			longest = length;
	return longest;
}

/** Replace what is private at the start of @text. @return its length, 0 if nothing is. */
static size_t add_pattern(struct privacy *privacy, struct buffer *buffer, const char *text)
{
	size_t length = learned_length(privacy, text);

	if (length) {
		replace(privacy, buffer, text, length, PRIVACY_PATH);
		return length;
	}
	if (text[0] == '<' && (length = placeholder_length(privacy, text))) {
		buffer_add_bytes(buffer, text, length);
		return length;
	}
	if ((length = mac_length(text))) {
		replace(privacy, buffer, text, length, PRIVACY_MAC);
		return length;
	}
	if ((length = ipv4_length(text)) || (length = ipv6_length(text))) {
		replace(privacy, buffer, text, length, PRIVACY_IP);
		return length;
	}
	if ((length = path_length(text))) {
		if (is_public_path(text, length))
			buffer_add_bytes(buffer, text, length);
		else
			replace(privacy, buffer, text, length, PRIVACY_PATH);
		return length;
	}
	if ((length = secret_prefix_length(text))) {
		size_t secret = strcspn(text + length, " \t\n,;'\")");

		buffer_add_bytes(buffer, text, length);
		if (secret)
			replace(privacy, buffer, text + length, secret, PRIVACY_SECRET);
		return length + secret;
	}
	return 0;
}

void privacy_add_text(struct privacy *privacy, struct buffer *buffer, const char *text)
{
	bool at_word = true;

	if (privacy->keep) {
		buffer_add(buffer, text);
		return;
	}
	while (*text) {
		size_t length = at_word ? add_pattern(privacy, buffer, text) : 0;

		if (!length && starts_with(text, "://")) {
			size_t user = userinfo_length(text + 3);

			buffer_add(buffer, "://");
			if (user)
				replace(privacy, buffer, text + 3, user, PRIVACY_SECRET);
			length = 3 + user;
			at_word = true;
			text += length;
			continue;
		}
		if (length) {
			at_word = true;
			text += length;
			continue;
		}
		buffer_add_bytes(buffer, text, 1);
		at_word = !isalnum((unsigned char)*text) && *text != '.';
		text++;
	}
}

/* ---- The command line ------------------------------------------------------------------ */

/** Options whose value is looked into. */
static const char *const open_options[] = {
	"machine", "M", "cpu", "smp", "m", "accel", "device", "object", "netdev", "blockdev", "drive",
	"chardev", "global", "name", "display", "rtc", "boot", "overcommit", "msg", "numa", "vga",
	"icount", "compat", "action", "watchdog-action", "nic", "net", "mon",
};

/** Options of which no more than the name is kept. */
static const char *const closed_options[] = {
	"kernel", "initrd", "append", "dtb", "vnc", "spice", "incoming", "bios", "pflash", "cdrom", "hda",
	"hdb", "hdc", "hdd", "fda", "fdb", "serial", "qmp", "qmp-pretty", "pidfile", "D", "d", "L",
	"uuid", "smbios", "acpitable", "fw_cfg", "virtfs", "fsdev", "audiodev", "audio", "loadvm",
	"run-with", "runas", "user", "chroot", "sandbox", "add-fd", "set", "writeconfig", "readconfig",
	"plugin", "trace", "gdb", "parallel", "usbdevice", "tpmdev", "virtioserial", "semihosting-config",
	"g", "echr", "prom-env", "debugcon", "dfilter", "seed", "option-rom", "mem-path", "sd",
	"monitor", "iscsi", "k", "qtest", "qtest-log", "shim", "dump-vmstate", "xen-domid", "rotate",
	"mtdblock", "drive-mirror", "tb-size", "cpr-transfer", "w",
};

/** Options without a value. */
static const char *const bare_options[] = {
	"enable-kvm", "no-kvm", "nodefaults", "no-user-config", "nographic", "S", "s", "daemonize",
	"no-reboot", "no-shutdown", "snapshot", "usb", "mem-prealloc", "realtime", "no-acpi", "no-hpet",
	"no-fd-bootchk", "full-screen", "only-migratable", "preconfig", "singlestep", "one-insn-per-tb",
	"win2k-hack", "no-quit", "nouserconfig", "enable-sync-profile", "xen-attach", "semihosting",
	"async-teardown", "alt-grab", "portrait", "old-param", "perfmap", "jitdump", "xen-domid-restrict",
};

/** Keys whose values do not identify anybody. */
static const char *const open_keys[] = {
	"accel", "acpi", "addr", "aio", "align", "allow-reset", "any_layout", "ats", "auto-read-only",
	"aw-bits", "backend", "bootindex", "bus", "bus_nr", "cache", "cache.direct", "cache.no-flush",
	"cache.writeback", "chardev", "channel", "chassis", "clusters", "cores", "cpu", "cpus", "ctrl_vq",
	"debug-threads", "detect-zeroes", "dies", "disable-legacy", "disable-modern",
	"discard", "discard-data", "discard_granularity", "discard-no-unref", "drive", "driver", "dump",
	"dump-guest-core", "event_idx", "failover", "fallback", "fd", "fds", "format", "fs", "function",
	"gic-version", "gso", "guest", "guest_csum", "guest_tso4", "guest_tso6", "guest_ufo", "hmat",
	"host_mtu", "hotplug", "hpet", "id", "igd-passthru", "in_order", "index", "indirect_desc",
	"interval", "intremap", "io_pci", "ioeventfd", "iommu", "iommu_platform", "iothread",
	"iothread-vq-mapping", "irqchip", "kernel-irqchip", "kernel_irqchip", "legacy-event-idx",
	"lock", "locking", "logical_block_size", "lun", "max-bytes", "max_ports", "max-ram-below-4g",
	"max_sectors", "maxcpus", "media", "mem-lock", "mem", "memdev", "memory-backend", "merge", "mode",
	"mq", "mrg_rxbuf", "multifunction", "mux", "netdev", "node", "node-name", "nodeid", "notify_on_empty",
	"notify-vmexit", "num-queues", "num_queues", "num-request-queues", "nvdimm", "opt_io_size",
	"overlap-check", "packed", "page-per-vq", "page-sampling", "period", "physical_block_size", "pmu",
	"poll-grow", "poll-max-ns", "poll-shrink", "port", "prealloc", "prealloc-threads", "propname",
	"queue-size", "queue_reset", "queues", "rate", "read-only", "readonly", "reconnect", "request-merging", "rng", "rngdev", "local.type", "remote.type", "fsdev",
	"rerror", "reserve", "rx_queue_size", "sata", "scsi", "scsi-id", "seg-max-adjust",
	"seg_max_adjust", "share", "size", "slots", "smm", "smp", "sockets", "speed",
	"split-wx", "status", "tb-size", "thread", "thread-pool-max", "thread-pool-min", "threads",
	"threshold", "throttle-group", "tx", "tx_queue_size", "type", "unit", "usb", "use-started",
	"vectors", "vhost", "vhostforce", "virtio-mmio.force-legacy", "vmport", "wait", "werror", "write-cache",
	"x-bps-total", "x-config-size", "x-disable-legacy-check", "x-disable-pcie", "x-iops-total",
	"x-ignore-backend-features", "x-mtu-bypass-backend", "x-mutex-vq", "x-pcie-deverr-init",
	"x-pcie-flr-init", "x-pcie-lnkctl-init", "x-pcie-pm-init", "x-txtimer", "xen",
};

/** Of keys that may as well name a host, as of input-barrier, or an interface, as of can-host-socketcan. */
static const char *const open_pairs[] = {
	"server=on", "server=off", "server=yes", "server=no", "server=true", "server=false",
	"if=none", "if=virtio", "if=scsi", "if=ide", "if=floppy", "if=sd", "if=mtd", "if=pflash",
	"if=xen",
};

static bool is_among(const char *const *words, size_t num, const char *text, size_t length)
{
	for (size_t i = 0; i < num; i++)
		if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
			return true;
	return false;
}

static bool is_open_key(const char *key, size_t length)
{
	return is_among(open_keys, ARRAY_SIZE(open_keys), key, length) ||
	       (length > 11 && memcmp(key, "throttling.", 11) == 0) ||
	       (length > 4 && memcmp(key, "bps", 3) == 0) ||
	       (length >= 4 && memcmp(key, "iops", 4) == 0) ||
	       (length > 14 && memcmp(key, "throttle-group", 14) == 0) ||
	       /* limits.iops-total, of -object throttle-group */
	       (length > 7 && memcmp(key, "limits.", 7) == 0) ||
	       (length > 2 && memcmp(key, "x-", 2) == 0 && (memmem(key, length, "iops", 4) ||
							     memmem(key, length, "bps", 3)));
}

static bool is_open_pair(const char *key, size_t key_length, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(open_pairs); i++)
		if (strcspn(open_pairs[i], "=") == key_length &&
		    memcmp(open_pairs[i], key, key_length) == 0 &&
		    strcmp(open_pairs[i] + key_length + 1, value) == 0)
			return true;
	return false;
}

/** A word of QEMU's, not somebody's text: short, without blanks and paths. */
static bool is_plain_word(const char *text, size_t length)
{
	bool upper = false, lower = false, digit = false;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!isalnum(c) && !strchr("._-+:@", c))
			return false;
		upper |= isupper(c) != 0;
		lower |= islower(c) != 0;
		digit |= isdigit(c) != 0;
	}
	/* long, and of everything: that is how keys look */
	return length && length <= 64 && !(length >= 20 && upper && lower && digit);
}

/** Add an argument that begins as a path does; with a blank in it, it may be more than that. */
static void add_path_argument(struct privacy *privacy, struct buffer *buffer, const char *path)
{
	if (strchr(path, ' '))
		replace(privacy, buffer, path, strlen(path), PRIVACY_PATH);
	else
		privacy_add_path(privacy, buffer, path);
}

/** Add the value of an option's key; @key is "" for a value without one. */
static void add_value(struct privacy *privacy, struct buffer *buffer, const char *key,
		      size_t key_length, const char *value, size_t length)
{
	_cleanup_free_ char *copy = strndup(value, length);

	if (!copy) {
		privacy->failed = true;
		return;
	}
	if (!length)
		return;
	text_unescape_blanks(copy);
	length = strlen(copy);
	if (is_secret_name(key, key_length)) {
		replace(privacy, buffer, copy, length, PRIVACY_SECRET);
	} else if (mac_length(copy) == length) {
		replace(privacy, buffer, copy, length, PRIVACY_MAC);
	} else if (ipv4_length(copy) == length || ipv6_length(copy) == length) {
		replace(privacy, buffer, copy, length, PRIVACY_IP);
	} else if (copy[0] == '/') {
		add_path_argument(privacy, buffer, copy);
	} else if (copy[0] == '<' && placeholder_length(privacy, copy) == length) {
		buffer_add(buffer, copy);
	} else if ((is_plain_word(copy, length) &&
		    (!key_length || is_open_key(key, key_length))) ||
		   is_open_pair(key, key_length, copy)) {
		privacy_add_text(privacy, buffer, copy);
	} else {
		replace(privacy, buffer, copy, length, PRIVACY_ARGUMENT);
	}
}

/** Add "a,b=c,d=e", of which a doubled comma is part of a value. */
static void add_pairs(struct privacy *privacy, struct buffer *buffer, const char *text, size_t length)
{
	size_t start = 0;

	while (start <= length) {
		size_t end = start;

		while (end < length && (text[end] != ',' || (end + 1 < length && text[end + 1] == ',')))
			end += text[end] == ',' ? 2 : 1;
		const char *pair = text + start;
		const char *equals = memchr(pair, '=', end - start);
		size_t key = equals ? (size_t)(equals - pair) : 0;

		if (equals && !is_plain_word(pair, key))
			replace(privacy, buffer, pair, end - start, PRIVACY_ARGUMENT);
		else {
			buffer_add_bytes(buffer, pair, equals ? key + 1 : 0);
			add_value(privacy, buffer, pair, key, pair + (equals ? key + 1 : 0),
				  end - start - (equals ? key + 1 : 0));
		}
		if (end < length)
			buffer_add(buffer, ",");
		start = end + 1;
	}
}

/** The end of a JSON string that starts at text[start]; @length if it has none. */
static size_t json_string_end(const char *text, size_t start, size_t length)
{
	size_t end = start + 1;

	while (end < length && text[end] != text[start])
		end += text[end] == '\\' ? 2 : 1;
	return end < length ? end : length;
}

/** Blanks come with a backslash: JSON has no other one outside of strings. */
static bool is_json_blank(char c)
{
	return c == '\\' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/** Is what ends before @at the key of a member? */
static bool colon_follows(const char *text, size_t at, size_t length)
{
	while (at < length && is_json_blank(text[at]))
		at++;
	return at < length && text[at] == ':';
}

/**
 * Add an argument that is JSON: its shape and its keys, and of its values what
 * add_value() keeps. A key is that of one value, or of those of one array: what
 * is anywhere else, and all behind a key that is not a plain word, is closed.
 */
static void add_json(struct privacy *privacy, struct buffer *buffer, const char *text, size_t length)
{
	static const char unknown[] = "?";
	const char *key = unknown;
	size_t key_length = 1;
	bool in_array = false;

	for (size_t i = 0; i < length;) {
		/* QEMU takes strings in either quotes, without them it is a number or a word */
		bool quoted = text[i] == '"' || text[i] == '\'';
		size_t start = i + quoted, end = start;

		if (is_json_blank(text[i]) || strchr("{}[],:", text[i])) {
			buffer_add_bytes(buffer, text + i, 1);
			in_array = text[i] == '[' || (in_array && !strchr("]{}", text[i]));
			if (strchr("]{}", text[i])) {
				key = unknown;
				key_length = 1;
			}
			i++;
			continue;
		}
		if (quoted)
			end = json_string_end(text, i, length);
		while (!quoted && end < length && !is_json_blank(text[end]) &&
		       !strchr("{}[],:\"'", text[end]))
			end++;

		bool is_key = quoted && colon_follows(text, end + 1, length) &&
			      is_plain_word(text + start, end - start);
		buffer_add_bytes(buffer, text + i, quoted);
		if (is_key)
			buffer_add_bytes(buffer, text + start, end - start);
		else
			add_value(privacy, buffer, key, key_length, text + start, end - start);
		/* an end that is missing is made, so that it stays what it was */
		buffer_add_bytes(buffer, text + i, quoted);
		if (is_key) {
			key = text + start;
			key_length = end - start;
		} else if (!in_array) {
			key = unknown;
			key_length = 1;
		}
		i = end + quoted;
	}
}

static bool is_option(const char *name, size_t length)
{
	return is_among(open_options, ARRAY_SIZE(open_options), name, length) ||
	       is_among(closed_options, ARRAY_SIZE(closed_options), name, length) ||
	       is_among(bare_options, ARRAY_SIZE(bare_options), name, length);
}

/** Where the next option begins, before which words may be. */
static size_t next_option(const char *text)
{
	const char *at = text;

	for (;;) {
		const char *next = strstr(at, " -");

		if (!next)
			return strlen(text);
		const char *name = next + 2 + (next[2] == '-');
		if ((next == text || next[-1] != '\\') && is_option(name, strcspn(name, " ")))
			return (size_t)(next - text);
		at = next + 2;
	}
}

static void add_option_value(struct privacy *privacy, struct buffer *buffer, const char *value,
			     size_t length, bool open)
{
	size_t argument = text_argument_length(value);
	bool blank = argument < length;
	size_t first = blank && value[0] != '{' ? argument : length;

	if (!open) {
		_cleanup_free_ char *copy = strndup(value, length);

		if (copy)
			text_unescape_blanks(copy);
		if (copy && copy[0] == '/' && !strchr(copy, ','))
			add_path_argument(privacy, buffer, copy);
		else if (copy && copy[0] == '<' && placeholder_length(privacy, copy) == length)
			buffer_add(buffer, copy);
		else
			replace(privacy, buffer, value, length, PRIVACY_ARGUMENT);
		privacy->failed |= !copy;
		return;
	}
	if (value[0] == '{') {
		add_json(privacy, buffer, value, first);
		return;
	}
	if (blank) {
		/*
		 * A blank in a value: what is behind it may be the rest of a path
		 * or of a password, so the pair it is in goes as a whole.
		 */
		while (first && value[first - 1] != ',')
			first--;
		add_pairs(privacy, buffer, value, first ? first - 1 : 0);
		if (first)
			buffer_add(buffer, ",");
		replace(privacy, buffer, value + first, length - first, PRIVACY_ARGUMENT);
		return;
	}
	add_pairs(privacy, buffer, value, length);
}

/** Is nothing in the value of an open option to be replaced? */
static bool is_kept(const char *value, size_t length)
{
	struct privacy trial = { 0 };
	_cleanup_buffer_ struct buffer buffer = { 0 };

	add_option_value(&trial, &buffer, value, length, true);
	bool kept = !trial.failed && !buffer.failed && !strchr(buffer_text(&buffer), '<');
	privacy_deinit(&trial);
	return kept;
}

/** Add argv[0]. */
static void add_program(struct privacy *privacy, struct buffer *buffer, const char *command)
{
	_cleanup_free_ char *program = strndup(command, text_argument_length(command));

	if (!program) {
		privacy->failed = true;
		return;
	}
	text_unescape_blanks(program);
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
	/* any text may be there, not just a path */
	if (strchr(name, ' ') || (strchr(program, ' ') && is_public_path(program, strlen(program))))
		replace(privacy, buffer, program, strlen(program), PRIVACY_ARGUMENT);
	else
		privacy_add_binary(privacy, buffer, program);
}

void privacy_add_command(struct privacy *privacy, struct buffer *buffer, const char *command)
{
	if (privacy->keep) {
		buffer_add(buffer, command);
		return;
	}
	size_t length = next_option(command), program = text_argument_length(command);
	if (program < length && !privacy->separated) {
		/* the first blank is in the path, or words follow: nothing behind it is certain */
		length = strlen(command);
		if (!is_public_path(command, program)) {
			replace(privacy, buffer, command, length, PRIVACY_ARGUMENT);
			return;
		}
	}
	add_program(privacy, buffer, command);
	if (program + 1 < length) {
		/* words that belong to no option: files, or something unheard of */
		buffer_add(buffer, " ");
		add_option_value(privacy, buffer, command + program + 1, length - program - 1, false);
	}
	for (command += length; *command; command += length) {
		const char *name = command + 2 + (command[2] == '-');
		size_t name_length = strcspn(name, " ");
		bool open = is_among(open_options, ARRAY_SIZE(open_options), name, name_length);
		bool bare = is_among(bare_options, ARRAY_SIZE(bare_options), name, name_length);

		buffer_add_bytes(buffer, command, (size_t)(name - command) + name_length);
		command = name + name_length;
		length = 0;
		if (!*command)
			break;
		/* a value may look like an option */
		if (!bare)
			length = 1 + text_argument_length(command + 1);
		length += next_option(command + length);
		if (!privacy->separated &&
		    !(bare ? !length : open && length > 1 && is_kept(command + 1, length - 1)))
			length = strlen(command);
		buffer_add(buffer, length ? " " : "");
		if (length > 1)
			add_option_value(privacy, buffer, command + 1, length - 1, open);
	}
}

/* ---- The model ------------------------------------------------------------------------------ */

/** Replace @*text by what @add makes of it. */
static struct virtq_error *apply(struct privacy *privacy, char **text,
				 void (*add)(struct privacy *, struct buffer *, const char *))
{
	_cleanup_buffer_ struct buffer buffer = { 0 };
	char *replaced;

	if (!*text)
		return NULL;
	add(privacy, &buffer, *text);
	buffer.failed |= privacy->failed;
	TRY(buffer_take(&buffer, &replaced));
	free(*text);
	*text = replaced;
	return NULL;
}

struct virtq_error *privacy_apply_name(struct privacy *privacy, char *name, size_t size)
{
	_cleanup_buffer_ struct buffer buffer = { 0 };

	privacy_add_text(privacy, &buffer, name);
	if (buffer.failed || privacy->failed)
		return &virtq_error_no_memory;
	snprintf(name, size, "%s", buffer_text(&buffer));
	return NULL;
}

static struct virtq_error *apply_all(struct privacy *privacy, char **texts, size_t num)
{
	for (size_t i = 0; i < num; i++)
		TRY(apply(privacy, &texts[i], privacy_add_text));
	return NULL;
}

static struct virtq_error *apply_findings(struct privacy *privacy, struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->device_num; i++) {
		const struct device_diagnosis *device = &diagnosis->devices[i];

		for (size_t j = 0; j < device->queue_num; j++)
			for (size_t k = 0; k < device->queues[j].finding_num; k++)
				TRY(apply_all(privacy, device->queues[j].findings[k].evidence,
					      device->queues[j].findings[k].evidence_num));
	}
	return NULL;
}

static struct virtq_error *apply_backend(struct privacy *privacy, struct backend *backend)
{
	TRY(apply(privacy, &backend->name, privacy_add_text));
	TRY(apply(privacy, &backend->node, privacy_add_text));
	TRY(apply(privacy, &backend->type, privacy_add_text));
	return apply(privacy, &backend->problem, privacy_add_text);
}

static struct virtq_error *apply_sample(struct privacy *privacy, struct sample *sample)
{
	TRY(apply_all(privacy, sample->problems, sample->problem_num));
	for (size_t i = 0; i < sample->device_num; i++) {
		struct device *device = &sample->devices[i];

		TRY(apply(privacy, &device->problem, privacy_add_text));
		for (size_t j = 0; j < device->queue_num; j++) {
			TRY(apply(privacy, &device->queues[j].problem, privacy_add_text));
			TRY(apply(privacy, &device->queues[j].ring_problem, privacy_add_text));
			TRY(apply(privacy, &device->queues[j].requests_problem, privacy_add_text));
		}
		for (size_t j = 0; j < device->backend_num; j++)
			TRY(apply_backend(privacy, &device->backends[j]));
	}
	for (size_t i = 0; i < sample->context_num; i++)
		TRY(apply(privacy, &sample->contexts[i].name, privacy_add_text));
	for (size_t i = 0; i < sample->thread_num; i++)
		TRY(privacy_apply_name(privacy, sample->threads[i].name,
				       sizeof(sample->threads[i].name)));
	return NULL;
}

/** What is known from the command line is what is left of it there. */
static struct virtq_error *apply_context(const char *command, struct analysis_context *context)
{
	free(take_pointer(context->vm_name));
	free(take_pointer(context->machine));
	return context_read_command(command, context);
}

struct virtq_error *privacy_apply(struct privacy *privacy, struct analysis *analysis)
{
	if (privacy->keep)
		return NULL;
	privacy_learn_path(privacy, analysis->target.path);
	privacy_learn_path(privacy, analysis->qemu.executable);
	privacy_learn_path(privacy, analysis->qemu.layout);
	TRY(apply(privacy, &analysis->target.path, privacy_add_path));
	TRY(apply(privacy, &analysis->target.original, privacy_add_text));
	TRY(apply(privacy, &analysis->target.description, privacy_add_text));
	privacy->separated = analysis->target.live;
	TRY(apply(privacy, &analysis->target.command, privacy_add_command));
	TRY(apply(privacy, &analysis->qemu.executable, privacy_add_binary));
	if (analysis->qemu.layout && strcmp(analysis->qemu.layout, LAYOUT_OF_SNAPSHOT) != 0)
		TRY(apply(privacy, &analysis->qemu.layout, privacy_add_path));
	TRY(apply_context(analysis->target.command, &analysis->context));
	TRY(apply(privacy, &analysis->context.threads_problem, privacy_add_text));
	for (size_t i = 0; i < analysis->context.thread_num; i++)
		TRY(privacy_apply_name(privacy, analysis->context.threads[i].name,
				       sizeof(analysis->context.threads[i].name)));
	TRY(apply_all(privacy, analysis->incomplete, analysis->incomplete_num));
	TRY(apply_sample(privacy, &analysis->sample));
	return apply_findings(privacy, &analysis->diagnosis);
}

void privacy_add_summary(const struct privacy *privacy, struct buffer *buffer)
{
	static const char *const names[][2] = {
		[PRIVACY_PATH] = { "host path", "host paths" },
		[PRIVACY_MAC] = { "MAC address", "MAC addresses" },
		[PRIVACY_IP] = { "IP address", "IP addresses" },
		[PRIVACY_SECRET] = { "secret", "secrets" },
		[PRIVACY_ARGUMENT] = { "argument", "arguments" },
	};
	bool any = false;

	for (int kind = 0; kind < PRIVACY_KINDS; kind++) {
		unsigned int count = privacy->counts[kind];

		if (!count)
			continue;
		buffer_printf(buffer, "%s%u %s", any ? ", " : "", count, names[kind][count != 1]);
		any = true;
	}
	if (!any)
		buffer_add(buffer, "nothing");
}
