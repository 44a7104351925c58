#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What `make install` installs works: the library from another program, and
# it exports nothing but virtq_*.
set -uo pipefail
. tests/tap.sh
: "${BUILD:=build}" "${MAKE:=make}"

check "make install" "$MAKE" --no-print-directory install DESTDIR="$tap_dir/root" PREFIX=/usr
check "virtq runs" "$tap_dir/root/usr/bin/virtq" --version
equal "exported symbols" "" "$(nm -D --defined-only "$tap_dir/root/usr/lib/libvirtq.so" | awk '$3 !~ /^virtq_/ { print $3 }')"
cat >"$tap_dir/user.c" <<'END'
#include <stdio.h>
#include <virtq.h>
int main(void)
{
	struct virtq_session *session;
	struct virtq_error *error = virtq_session_open("/dev/null", NULL, &session);
	if (!error)
		return 1;
	puts(virtq_error_message(error));
	virtq_error_destroy(error);
	return 0;
}
END
check "a program builds with the installed header and library" \
    gcc -Wall -Wextra -Werror -I"$tap_dir/root/usr/include" -o "$tap_dir/user" "$tap_dir/user.c" \
    -L"$tap_dir/root/usr/lib" -lvirtq
check "and runs" env LD_LIBRARY_PATH="$tap_dir/root/usr/lib" "$tap_dir/user"
finish
