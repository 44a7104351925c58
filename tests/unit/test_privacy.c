/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is private and what is not: each case a text, and what may be seen of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/checked.h"
#include "report/privacy.h"
#include "target/text.h"

struct test_case {
	const char *text, *expected;
};

static void check_all(const struct test_case *cases, size_t num, bool separated,
		      void (*add)(struct privacy *, struct buffer *, const char *))
{
	for (size_t i = 0; i < num; i++) {
		struct privacy privacy = { .separated = separated };
		struct buffer buffer = { 0 };

		add(&privacy, &buffer, cases[i].text);
		assert_string_equal(buffer_text(&buffer), cases[i].expected);
		/* what is private already stays as it is, in a report of a report */
		struct buffer again = { 0 };
		struct privacy other = { .separated = separated };
		add(&other, &again, buffer_text(&buffer));
		assert_string_equal(buffer_text(&again), cases[i].expected);
		assert_false(privacy.failed || other.failed);
		buffer_deinit(&again);
		buffer_deinit(&buffer);
		privacy_deinit(&other);
		privacy_deinit(&privacy);
	}
}

static void texts(void **state)
{
	static const struct test_case cases[] = {
		{ "nothing private: 7.2.22, 0x7f00, 0000:00:03.0, disk0:0",
		  "nothing private: 7.2.22, 0x7f00, 0000:00:03.0, disk0:0" },
		{ "mac 52:54:00:12:34:56.", "mac <mac-1>." },
		{ "52-54-00-12-34-56 and 52:54:00:12:34:57", "<mac-1> and <mac-2>" },
		{ "from 192.168.1.10 to 192.168.1.10:5900 and 10.0.0.1",
		  "from <ip-1> to <ip-1>:5900 and <ip-2>" },
		{ "fe80::1 2001:db8:0:0:0:0:0:1 ::1", "<ip-1> <ip-2> <ip-3>" },
		{ "1.2.3.4.5 256.1.1.1 1.2.3", "1.2.3.4.5 256.1.1.1 1.2.3" },
		{ "0x10 (/home/alice/vm.img) was not saved", "0x10 (<host-path-1>) was not saved" },
		{ "/usr/bin/qemu /machine/peripheral/disk0 /dev/kvm /dev/mapper/vg-bob",
		  "/usr/bin/qemu /machine/peripheral/disk0 /dev/kvm <host-path-1>" },
		{ "/usr/local/x /usr/../home/x", "<host-path-1> <host-path-2>" },
		{ "nbd://alice:pw@10.1.2.3/vol", "nbd://<secret-1>@<ip-1><host-path-1>" },
		{ "password=hunter2, token=abc;x", "password=<secret-1>, token=<secret-2>;x" },
		{ "a /b", "a <host-path-1>" },
		{ "and/or 1/2 /", "and/or 1/2 /" },
	};

	(void)state;
	check_all(cases, ARRAY_SIZE(cases), false, privacy_add_text);
}

static void commands(void **state)
{
	static const struct test_case cases[] = {
		{ "/usr/bin/qemu-system-x86_64 -name guest=web1,debug-threads=on -S",
		  "/usr/bin/qemu-system-x86_64 -name guest=web1,debug-threads=on -S" },
		{ "/home/al/qemu-system-x86_64 -m 4096", "/<host-path-1>/qemu-system-x86_64 -m 4096" },
		{ "qemu -object secret,id=s0,data=letmein,format=raw",
		  "qemu -object secret,id=s0,data=<secret-1>,format=raw" },
		{ "qemu -device virtio-net-pci,netdev=n0,mac=52:54:00:aa:bb:cc,mq=on,bus=pci.0,addr=0x3",
		  "qemu -device virtio-net-pci,netdev=n0,mac=<mac-1>,mq=on,bus=pci.0,addr=0x3" },
		{ "qemu -drive file=/srv/a.qcow2,if=none,id=d0,cache=none,serial=WD-123",
		  "qemu -drive file=<host-path-1>,if=none,id=d0,cache=none,serial=<argument-1>" },
		{ "qemu -drive file=nbd://u:p@h/x,id=d0", "qemu -drive file=<argument-1>,id=d0" },
		{ "qemu -drive file=/my disks/b,,c.img,id=d0 -S", "qemu -drive <argument-1> -S" },
		{ "qemu -append root=/dev/sda token=abc -S", "qemu -append <argument-1> -S" },
		{ "qemu -vnc 10.0.0.1:1,password=on -uuid 1234", "qemu -vnc <argument-1> -uuid <argument-2>" },
		{ "qemu -netdev user,id=n0,hostfwd=tcp:127.0.0.1:22-:22",
		  "qemu -netdev user,id=n0,hostfwd=<argument-1>" },
		{ "qemu -blockdev {\"driver\":\"file\",\"filename\":\"/srv/x y\",\"node-name\":\"n\","
		  "\"read-only\":false,\"password-secret\":\"s0\"}",
		  "qemu -blockdev {\"driver\":\"file\",\"filename\":\"<host-path-1>\",\"node-name\":\"n\","
		  "\"read-only\":false,\"password-secret\":\"<secret-1>\"}" },
		{ "qemu -blockdev {\"driver\":\"file\",\"x\":{\"y\":[\"CANARY\",17]}}",
		  "qemu -blockdev {\"driver\":\"file\",\"x\":{\"y\":[\"<argument-1>\",<argument-2>]}}" },
		/* blanks wherever JSON has them, strings in either quotes */
		{ "qemu -object {\"qom-type\":\"secret\",\"id\":\"s0\",\"data\" :\"hunter2\"}",
		  "qemu -object {\"qom-type\":\"<argument-1>\",\"id\":\"s0\",\"data\" :\"<secret-1>\"}" },
		{ "qemu -object { 'id' : 's0' , 'data'\t:\n'hunter2' , 'format':'raw' }",
		  "qemu -object { 'id' : 's0' , 'data'\t:\n'<secret-1>' , 'format':'raw' }" },
		{ "qemu -blockdev {\"driver\":\"nbd\",\"host\" : \"db1.corp\",\"id\":\"x\"}",
		  "qemu -blockdev {\"driver\":\"nbd\",\"host\" : \"<argument-1>\",\"id\":\"x\"}" },
		/* a key is of one value: what has none of its own is closed */
		{ "qemu -object {\"id\":\"s0\",\"da\\u0074a\":\"hunter2\"}",
		  "qemu -object {\"id\":\"s0\",\"<argument-1>\":\"<argument-2>\"}" },
		{ "qemu -object {\"id\":\"s0\" \"hunter2\", {\"hunter3\"}}",
		  "qemu -object {\"id\":\"s0\" \"<argument-1>\", {\"<argument-2>\"}}" },
		{ "qemu -object {\"id\":{\"hunter2\"}}", "qemu -object {\"id\":{\"<argument-1>\"}}" },
		{ "qemu -device {\"iothread-vq-mapping\":[{\"iothread\":\"t0\"},{\"iothread\":\"t1\"}],"
		  "\"queues\":[0, 1],\"serial\" :\"WD-123\"}",
		  "qemu -device {\"iothread-vq-mapping\":[{\"iothread\":\"t0\"},{\"iothread\":\"t1\"}],"
		  "\"queues\":[0, 1],\"serial\" :\"<argument-1>\"}" },
		{ "qemu -device virtio-blk,drive=d0,id=CANARYcanary0123456789abc",
		  "qemu -device virtio-blk,drive=d0,id=<argument-1>" },
		{ "qemu -global driver=virtio-blk-pci,property=serial,value=CANARY42",
		  "qemu -global driver=virtio-blk-pci,property=<argument-1>,value=<argument-2>" },
		/* what names a host, a user or a file in some of QEMU's options */
		{ "qemu -monitor telnet:hyp17.corp.example:4444,server -S",
		  "qemu -monitor <argument-1> -S" },
		{ "qemu -serial telnet:h:1 -parallel tcp:h:2 -gdb tcp:h:3 -qmp tcp:h:4 -qtest tcp:h:5",
		  "qemu -serial <argument-1> -parallel <argument-2> -gdb <argument-3> "
		  "-qmp <argument-4> -qtest <argument-5>" },
		{ "qemu -iscsi bob -k acme -incoming tcp:h:1 -dump-vmstate acme -shim acme",
		  "qemu -iscsi <argument-1> -k <argument-2> -incoming <argument-3> "
		  "-dump-vmstate <argument-2> -shim <argument-2>" },
		{ "qemu -chardev socket,id=c,host=hyp17,port=1,server=on,wait=off,server",
		  "qemu -chardev socket,id=c,host=<argument-1>,port=1,server=on,wait=off,server" },
		{ "qemu -object input-barrier,id=b,server=hyp17,port=1",
		  "qemu -object input-barrier,id=b,server=<argument-1>,port=1" },
		{ "qemu -netdev {\"type\":\"stream\",\"server\":false,\"x\":{\"server\":\"hyp17\"}}",
		  "qemu -netdev {\"type\":\"stream\",\"server\":false,\"x\":{\"server\":\"<argument-1>\"}}" },
		{ "qemu -object can-host-socketcan,id=c,if=acme0 -drive if=none,id=d",
		  "qemu -object can-host-socketcan,id=c,if=<argument-1> -drive if=none,id=d" },
		{ "qemu -device virtio-net-pci,romfile=acme.rom,id=n -drive data-file=acme.raw,id=d",
		  "qemu -device virtio-net-pci,romfile=<argument-1>,id=n -drive data-file=<argument-2>,id=d" },
		{ "qemu -device virtio-net-pci,romfile=,id=n", "qemu -device virtio-net-pci,romfile=,id=n" },
		{ "qemu -frobnicate CANARY", "qemu <argument-1>" },
		{ "qemu -S CANARY", "qemu -S <argument-1>" },
		{ "qemu", "qemu" },
		{ "", "" },
	};

	(void)state;
	check_all(cases, ARRAY_SIZE(cases), true, privacy_add_command);
}

/** As they come from a process: a blank within an argument has a backslash. */
static void commands_with_blanks(void **state)
{
	static const struct test_case cases[] = {
		{ "qemu -append root=/dev/vda\\ -m\\ hunter2\\ -name\\ joe -m 4096 -S",
		  "qemu -append <argument-1> -m 4096 -S" },
		{ "qemu -name my\\ vm\\ -m\\ x,debug-threads=on -S",
		  "qemu -name <argument-1>,debug-threads=on -S" },
		{ "qemu -drive file=/my\\ disks/b,,c.img,id=d0 -S",
		  "qemu -drive file=<host-path-1>,id=d0 -S" },
		{ "qemu -object {\\ \"id\"\\ :\\ \"s0\",\\ \"data\":\"a\\ -m\\ b\"} -S",
		  "qemu -object {\\ \"id\"\\ :\\ \"s0\",\\ \"data\":\"<secret-1>\"} -S" },
		{ "qemu -append -m hunter2 -S", "qemu -append <argument-1> -S" },
		{ "qemu -append  -m 4096", "qemu -append  -m 4096" },
		{ "/home/joe\\ doe/qemu -S", "/<host-path-1>/qemu -S" },
		{ "/usr/bin/qemu\\ -m\\ hunter2 -S", "<argument-1> -S" },
		{ "/usr/joe\\ doe/qemu -S", "<argument-1> -S" },
		{ "qemu -drive file=/usr/share/a\\ hunter2,id=d", "qemu -drive file=<host-path-1>,id=d" },
		{ "qemu -kernel /usr/share/k\\ hunter2 -S", "qemu -kernel <host-path-1> -S" },
		{ "qemu -kernel /usr/share/k hunter2 -S", "qemu -kernel <host-path-1> -S" },
	};

	(void)state;
	check_all(cases, ARRAY_SIZE(cases), true, privacy_add_command);
}

/** As a core has them: where an argument ends is not known. */
static void commands_of_cores(void **state)
{
	static const struct test_case cases[] = {
		{ "/usr/bin/qemu-system-x86_64 -name guest=web1,debug-threads=on -S -m 4096 -append quiet -m x",
		  "/usr/bin/qemu-system-x86_64 -name guest=web1,debug-threads=on -S -m 4096 "
		  "-append <argument-1>" },
		{ "qemu -object secret,id=s0,data=pass -m word",
		  "qemu -object secret,id=s0,<argument-1>" },
		{ "qemu -append  -m word", "qemu -append <argument-1>" },
		{ "qemu -append -m word", "qemu -append <argument-1>" },
		{ "qemu -name my vm -m word", "qemu -name <argument-1>" },
		{ "qemu -append /usr/x -m word", "qemu -append <host-path-1>" },
		{ "qemu -S word -m word", "qemu -S <argument-1>" },
		{ "/usr/bin/qemu word -m word", "/usr/bin/qemu <argument-1>" },
		{ "/home/joe doe/qemu -m 4096", "<argument-1>" },
		{ "joe doe/qemu -m 4096", "<argument-1>" },
		{ "/home/joe/qemu -m 4096", "/<host-path-1>/qemu -m 4096" },
	};

	(void)state;
	check_all(cases, ARRAY_SIZE(cases), false, privacy_add_command);
}

static void arguments_are_joined(void **state)
{
	static const char arguments[] = "qemu\0-append\0a  b\\\0\0-S\0x";
	char *line = text_join_arguments(arguments, sizeof(arguments) - 1);

	(void)state;
	assert_string_equal(line, "qemu -append a\\ \\ b\\  -S x");
	assert_int_equal(text_argument_length(line), 4);
	assert_int_equal(text_argument_length(line + 13), 8);
	assert_int_equal(text_argument_length(" x"), 0);
	assert_int_equal(text_argument_length(""), 0);
	text_unescape_blanks(line);
	assert_string_equal(line, "qemu -append a  b  -S x");
	free(line);
}

static void a_learned_path_may_have_blanks(void **state)
{
	struct privacy privacy = { 0 };
	struct buffer buffer = { 0 };

	(void)state;
	privacy_learn_path(&privacy, "/srv/my disks/a.img");
	privacy_learn_path(&privacy, "/usr/lib/libc.so.6");
	privacy_add_text(&privacy, &buffer, "(/srv/my disks/a.img) /srv/my disks/a.img2 /usr/lib/libc.so.6");
	assert_string_equal(buffer_text(&buffer),
			    "(<host-path-1>) <host-path-2> disks/a.img2 /usr/lib/libc.so.6");
	buffer_deinit(&buffer);
	privacy_add_path(&privacy, &buffer, "/srv/my disks/a.img");
	assert_string_equal(buffer_text(&buffer), "<host-path-1>");
	buffer_deinit(&buffer);
	privacy_add_summary(&privacy, &buffer);
	assert_string_equal(buffer_text(&buffer), "2 host paths");
	buffer_deinit(&buffer);
	privacy_deinit(&privacy);
}

static void the_longest_path_that_is_known_is_taken(void **state)
{
	static const struct test_case cases[] = {
		{ "/d/a", "<host-path-1>" },
		{ "/d/a b: /d/a c, /d/a b c", "<host-path-1>: <host-path-2> c, <host-path-1> c" },
		{ "/d/a b/e", "<host-path-1> b/e" },
		{ "(/d/a b.)", "(<host-path-1>.)" },
		{ "my core: no my core.1", "<host-path-1>: no my core.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct privacy privacy = { 0 };
		struct buffer buffer = { 0 };

		privacy_learn_path(&privacy, "/d/a");
		privacy_learn_path(&privacy, "/d/a b");
		privacy_learn_path(&privacy, "/d/a b/d");
		privacy_learn_path(&privacy, "/d/a b/e/f");
		if (i == 4) /* a name without a directory is known when it was replaced */
			privacy_add_path(&privacy, &buffer, "my core");
		buffer_deinit(&buffer);
		privacy_add_text(&privacy, &buffer, cases[i].text);
		assert_string_equal(buffer_text(&buffer), cases[i].expected);
		buffer_deinit(&buffer);
		privacy_deinit(&privacy);
	}
}

/** As many as a target may have: minutes if each is compared with all others. */
static void many_paths_are_known(void **state)
{
	enum { PATHS = 200000 };
	struct privacy privacy = { 0 };
	struct buffer buffer = { 0 };
	char path[64];
	clock_t start = clock();

	(void)state;
	for (int i = 0; i < PATHS; i++) {
		snprintf(path, sizeof(path), "/d/%06x of many.so", (unsigned int)i);
		privacy_learn_path(&privacy, path);
	}
	for (int i = 0; i < PATHS; i += PATHS / 4) {
		snprintf(path, sizeof(path), "%06x /d/%06x of many.so ", (unsigned int)i, (unsigned int)i);
		privacy_add_text(&privacy, &buffer, path);
	}
	assert_string_equal(buffer_text(&buffer), "000000 <host-path-1> 00c350 <host-path-2> "
						  "0186a0 <host-path-3> 0249f0 <host-path-4> ");
	print_message("%d paths: %.2f s\n", PATHS, (double)(clock() - start) / CLOCKS_PER_SEC);
	buffer_deinit(&buffer);
	privacy_deinit(&privacy);
}

static char *copy(const char *text)
{
	char *copied = strdup(text);

	assert_non_null(copied);
	return copied;
}

/** What is known from the command line is told as the command line tells it. */
static void the_vm_is_named_as_in_the_command(void **state)
{
	static const struct {
		const char *name, *machine, *expected_name, *expected_machine, *command;
		bool core;
	} cases[] = {
		{ "web1", "pc-q35-7.2", "web1", "pc-q35-7.2", "qemu -name guest=web1 -M pc-q35-7.2", false },
		{ "10.20.30.40", "pc", "<ip-1>", "pc", "qemu -name guest=<ip-1> -M pc", false },
		{ "/srv/a", "52:54:00:12:34:56", "<host-path-1>", "<mac-1>",
		  "qemu -name guest=<host-path-1> -M <mac-1>", false },
		{ "CANARYcanary0123456789abc", "pc", "<argument-1>", "pc",
		  "qemu -name guest=<argument-1> -M pc", false },
		{ "web1", "pc", "web1", "pc", "qemu -name guest=web1 -M pc", true },
		{ "web1 -append", "x", "web1", NULL, "qemu -name guest=web1 -append <argument-1>", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct privacy privacy = { 0 };
		struct analysis analysis = { 0 };
		char command[128];

		snprintf(command, sizeof(command), "qemu -name guest=%s -M %s", cases[i].name,
			 cases[i].machine);
		analysis.context.vm_name = copy(cases[i].name);
		analysis.context.machine = copy(cases[i].machine);
		analysis.target.command = copy(command);
		analysis.target.live = !cases[i].core;
		assert_null(privacy_apply(&privacy, &analysis));
		assert_string_equal(analysis.context.vm_name, cases[i].expected_name);
		if (cases[i].expected_machine)
			assert_string_equal(analysis.context.machine, cases[i].expected_machine);
		else
			assert_null(analysis.context.machine);
		assert_string_equal(analysis.target.command, cases[i].command);
		free(analysis.context.vm_name);
		free(analysis.context.machine);
		free(analysis.target.command);
		privacy_deinit(&privacy);
	}
}

/** Where the layout came from is a path, wherever it is. */
static void a_layout_is_a_path(void **state)
{
	static const struct test_case cases[] = {
		{ "acme/qemu-7.2", "<host-path-1>" },
		{ "/home/joe doe/x", "<host-path-1>" },
		{ "acme.layout", "<host-path-1>" },
		{ "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-system-x86_64" },
		{ "the snapshot's own", "the snapshot's own" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct privacy privacy = { 0 };
		struct analysis analysis = { 0 };
		char *incomplete;

		analysis.qemu.layout = copy(cases[i].text);
		assert_true(asprintf(&incomplete, "%s: not as it was", cases[i].text) > 0);
		analysis.incomplete = &incomplete;
		analysis.incomplete_num = 1;
		assert_null(privacy_apply(&privacy, &analysis));
		assert_string_equal(analysis.qemu.layout, cases[i].expected);
		assert_memory_equal(incomplete, cases[i].expected, strlen(cases[i].expected));
		free(analysis.qemu.layout);
		free(incomplete);
		privacy_deinit(&privacy);
	}
}

static void full_keeps_everything(void **state)
{
	struct privacy privacy = { .keep = true };
	struct buffer buffer = { 0 };

	(void)state;
	privacy_add_text(&privacy, &buffer, "/home/a 10.0.0.1 ");
	privacy_add_path(&privacy, &buffer, "/home/b ");
	privacy_add_binary(&privacy, &buffer, "/home/c ");
	privacy_add_command(&privacy, &buffer, "x -object secret,data=1");
	assert_string_equal(buffer_text(&buffer),
			    "/home/a 10.0.0.1 /home/b /home/c x -object secret,data=1");
	buffer_deinit(&buffer);
	privacy_deinit(&privacy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(commands),
		cmocka_unit_test(commands_with_blanks),
		cmocka_unit_test(commands_of_cores),
		cmocka_unit_test(arguments_are_joined),
		cmocka_unit_test(a_learned_path_may_have_blanks),
		cmocka_unit_test(the_longest_path_that_is_known_is_taken),
		cmocka_unit_test(many_paths_are_known),
		cmocka_unit_test(the_vm_is_named_as_in_the_command),
		cmocka_unit_test(a_layout_is_a_path),
		cmocka_unit_test(full_keeps_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
