# SPDX-License-Identifier: GPL-3.0-or-later
#
#   make            build/virtq, build/libvirtq.so, build/libvirtq.a, build/virtq-reader.so
#   make demo       make a core with a stuck disk and analyse it
#   make check      every test that needs no real QEMU
#   make check-qemu the tests on a real QEMU with a Linux guest
#   make rules-table  what fires each verdict, by the logs of these tests
#   make bench      virtq against gdb doing the same work
#   make fuzz       the fuzzers, for FUZZ_SECONDS each
#   make install    into $(DESTDIR)$(PREFIX)
#
# demo, check, check-qemu, bench and fuzz first install the Debian packages they
# miss (see tests/install-packages.sh). V=1 shows commands; BUILD, CC, CFLAGS
# and LDFLAGS are respected.

BUILD ?= build
PREFIX ?= /usr/local
CC ?= gcc
CFLAGS ?= -O2 -g

WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith \
	-Wundef -Wvla -Wformat=2 -Wno-format-nonliteral
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Ianalyzer $(WARNINGS) -fPIC -fvisibility=hidden $(CFLAGS)
LIBS := -ldw -lelf -lbfd -ljson-c -larchive -lm

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-6s %s\n' '$(1)' '$(2)'
else
say = @:
endif

.PHONY: all
all: $(BUILD)/virtq $(BUILD)/libvirtq.so $(BUILD)/libvirtq.a $(BUILD)/virtq-reader.so

# ---- libvirtq and virtq -------------------------------------------------------

LIBRARY_SOURCES := $(filter-out $(wildcard analyzer/cli/*.c),\
	$(wildcard analyzer/*.c) $(wildcard analyzer/*/*.c))
CLI_SOURCES := $(wildcard analyzer/cli/*.c)
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Rebuild everything when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' > $@
.PHONY: FORCE
FORCE:

$(BUILD)/libvirtq.a: $(call object,$(LIBRARY_SOURCES))
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/libvirtq.so: $(call object,$(LIBRARY_SOURCES)) analyzer/libvirtq.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,--version-script=analyzer/libvirtq.map \
		-Wl,--no-undefined -o $@ $(filter %.o,$^) $(LIBS)

# virtq itself holds the library, so that one file can be copied to a host.
$(BUILD)/virtq: $(call object,$(CLI_SOURCES)) $(BUILD)/libvirtq.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(patsubst %.o,%.d,$(call object,$(LIBRARY_SOURCES) $(CLI_SOURCES)))

.PHONY: install
install: all install-plugin
	install -D -m 755 $(BUILD)/virtq $(DESTDIR)$(PREFIX)/bin/virtq
	install -D -m 755 $(BUILD)/libvirtq.so $(DESTDIR)$(PREFIX)/lib/libvirtq.so
	install -D -m 644 $(BUILD)/libvirtq.a $(DESTDIR)$(PREFIX)/lib/libvirtq.a
	install -D -m 644 analyzer/virtq.h $(DESTDIR)$(PREFIX)/include/virtq.h
	install -D -m 644 analyzer/cli/virtq.1 $(DESTDIR)$(PREFIX)/share/man/man1/virtq.1
	install -D -m 644 analyzer/report/virtq.schema.json $(DESTDIR)$(PREFIX)/share/virtq/virtq.schema.json

.PHONY: clean
clean:
	rm -rf $(BUILD)

include gdb-plugin/plugin.mk
include fixtures/mini-qemu/mini.mk
include tests/tests.mk
