# SPDX-License-Identifier: GPL-3.0-or-later
# The gdb plugin; included by the top Makefile.
#   build/virtq-reader.so   the JIT reader for a gdb without Python
#   install-plugin          part of make install

# With the command line's way to write a file.
READER_SOURCES := $(wildcard gdb-plugin/*.c) analyzer/cli/output.c

# It holds the library: one file, none of whose names gdb sees.
$(BUILD)/virtq-reader.so: $(call object,$(READER_SOURCES)) $(BUILD)/libvirtq.a gdb-plugin/reader.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,--version-script=gdb-plugin/reader.map \
		-Wl,--no-undefined -o $@ $(filter %.o %.a,$^) $(LIBS)

-include $(patsubst %.o,%.d,$(call object,$(READER_SOURCES)))

.PHONY: plugin install-plugin
plugin: $(BUILD)/libvirtq.so $(BUILD)/virtq-reader.so

install-plugin: plugin
	install -D -m 644 gdb-plugin/virtq.py $(DESTDIR)$(PREFIX)/share/virtq/gdb/virtq.py
	install -D -m 644 gdb-plugin/virtq.gdb $(DESTDIR)$(PREFIX)/share/virtq/gdb/virtq.gdb
	install -D -m 644 gdb-plugin/reader.gdb $(DESTDIR)$(PREFIX)/share/virtq/gdb/reader.gdb
	install -D -m 755 $(BUILD)/virtq-reader.so $(DESTDIR)$(PREFIX)/lib/virtq/virtq-reader.so
