# SPDX-License-Identifier: GPL-3.0-or-later
# Tests, demo and benchmarks; included by the top Makefile.

PACKAGE_LISTS := tests/packages-build.txt tests/packages-check.txt \
	fixtures/mini-qemu/packages.txt tests/packages-report.txt \
	tests/gdb/packages.txt
QEMU_PACKAGE_LISTS := $(PACKAGE_LISTS) fixtures/real-qemu/packages.txt tests/qemu/packages.txt

# AddressSanitizer and UBSan for everything that reads what a target says.
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
SANITIZED = $(MAKE) --no-print-directory BUILD=$(BUILD)/sanitized CFLAGS='$(SANITIZE)'

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(wildcard tests/unit/test_*.c),$(wildcard tests/unit/*.c))
UNIT_PROGRAMS := $(addprefix $(BUILD)/tests/unit/,$(UNIT_TESTS))

FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY_PROGRAMS := $(addprefix $(BUILD)/tests/fuzz/,$(FUZZERS))

# ---- Programs --------------------------------------------------------------------

# Named as Makefile's rule names them, or make removes them as intermediate.
.PRECIOUS: $(BUILD)/obj/%.o
$(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(call object,$(UNIT_HELPERS)) $(BUILD)/libvirtq.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# Each fuzz target with a main() that replays files: a fuzzer's finds stay tests.
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libvirtq.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(wildcard $(BUILD)/obj/tests/*/*.d)

.PHONY: test-programs
test-programs: $(UNIT_PROGRAMS) $(REPLAY_PROGRAMS) $(BUILD)/virtq

# ---- make check --------------------------------------------------------------------

.PHONY: check check-run
check:
	@tests/install-packages.sh $(PACKAGE_LISTS)
	@$(MAKE) --no-print-directory check-run

check-run: all mini-qemu
	@$(SANITIZED) test-programs
	@BUILD=$(BUILD) VIRTQ=$(BUILD)/sanitized/virtq VIRTQ_PLAIN=$(BUILD)/virtq \
		MAKE='$(MAKE)' tests/run.sh check \
		$(addprefix $(BUILD)/sanitized/tests/unit/,$(UNIT_TESTS)) \
		$(sort $(wildcard tests/cli/*.sh tests/build/*.sh tests/gdb/mini-*.sh)) tests/fuzz/replay.sh

# ---- make check-qemu ------------------------------------------------------------------

.PHONY: check-qemu check-qemu-run
check-qemu:
	@tests/install-packages.sh $(QEMU_PACKAGE_LISTS)
	@$(MAKE) --no-print-directory check-qemu-run

# Built first, so that no test's time is spent on it; cached, it takes no time.
check-qemu-run: all $(BUILD)/tests/qmp $(BUILD)/tests/qtest-ring
	@fixtures/real-qemu/build-qemu.sh 7.2 >/dev/null
	@fixtures/real-qemu/build-qemu.sh 10 >/dev/null
	@fixtures/real-qemu/build-guest.sh >/dev/null
	@fixtures/real-qemu/build-guest.sh amd64 >/dev/null
	@BUILD=$(BUILD) VIRTQ=$(BUILD)/virtq VIRTQ_QMP=$(BUILD)/tests/qmp \
		VIRTQ_QTEST_RING=$(abspath $(BUILD))/tests/qtest-ring TEST_TIMEOUT=2400 \
		tests/run.sh check-qemu $(sort $(wildcard tests/qemu/*.sh tests/gdb/qemu-*.sh)); \
		status=$$?; $(MAKE) --no-print-directory rules-table && exit $$status

# What fires each verdict, and what it is silent on: the unit test's cases, and the
# states of real QEMUs in the logs that there are.
.PHONY: rules-table
rules-table: $(BUILD)/tests/unit/test_diagnosis
	@mkdir -p $(BUILD)/tests/logs/rules
	@CMOCKA_MESSAGE_OUTPUT=TAP $< >$(BUILD)/tests/logs/rules/test_diagnosis.log 2>&1 || \
		{ cat $(BUILD)/tests/logs/rules/test_diagnosis.log; exit 1; }
	@BUILD=$(BUILD) tests/rules-table.sh

$(BUILD)/tests/qmp: fixtures/real-qemu/qmp.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -ljson-c

$(BUILD)/tests/qtest-ring: fixtures/real-qemu/qtest-ring.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

# ---- make demo ----------------------------------------------------------------------------

.PHONY: demo demo-run
demo:
	@tests/install-packages.sh tests/packages-build.txt
	@$(MAKE) --no-print-directory demo-run

demo-run: $(BUILD)/virtq $(BUILD)/mini-qemu/mini-qemu-7.2
	@BUILD=$(BUILD) fixtures/demo.sh

# ---- make bench, make fuzz -------------------------------------------------------------------

.PHONY: bench
bench:
	@tests/install-packages.sh $(QEMU_PACKAGE_LISTS) tests/packages-bench.txt
	@$(MAKE) --no-print-directory all mini-qemu $(BUILD)/tests/qmp
	@BUILD=$(BUILD) VIRTQ=$(BUILD)/virtq VIRTQ_QMP=$(BUILD)/tests/qmp tests/bench/bench.sh

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz:
	@tests/install-packages.sh $(PACKAGE_LISTS)
	@BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) MAKE='$(MAKE)' tests/fuzz/run-fuzzers.sh $(FUZZERS)
