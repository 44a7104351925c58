#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# get-gdb.sh minimal|server|RELEASE: the path of a gdb without Python (Debian's
# gdb-minimal), of gdbserver, or of the gdb of another Debian release, as
# trixie. Unpacked beside each other in the cache of the fixtures, not installed.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../../../fixtures/real-qemu/common.sh"

what=$1
own=$(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:?}")
recipe=1

unpack_one() { # WORK RESULT
    APT_CONFIG=$(private_apt "$1/apt" "$own")
    export APT_CONFIG
    unpack_packages "$1/root" "$package"
    mv "$1/root/usr/bin/$program" "$2/"
}

# With all it depends on. A newer gdb needs its own C library, an older one runs
# with this machine's, and so does libvirtq.so.
unpack_release() { # WORK RESULT
    APT_CONFIG=$(private_apt "$1/apt" "$what")
    export APT_CONFIG
    apt-get -qq -y --download-only --no-install-recommends install gdb >/dev/null
    for deb in "$1"/apt/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$2"
    done
    rm -rf "$2"/usr/share/{doc,man,locale,perl,i18n,zoneinfo}
    local libraries=usr/lib/x86_64-linux-gnu name
    if dpkg --compare-versions "$(gdb --version | sed -n '1s/.* //p')" lt \
        "$(dpkg-deb -f "$1"/apt/cache/archives/gdb_*.deb Version)"; then
        cat >"$2/gdb" <<'EOF'
#!/bin/sh
root=$(dirname "$(realpath "$0")")
libraries=usr/lib/x86_64-linux-gnu
PYTHONHOME=$root/usr exec "$root/$libraries/ld-linux-x86-64.so.2" --argv0 gdb \
    --library-path "$root/$libraries:/usr/lib/x86_64-linux-gnu" \
    "$root/usr/bin/gdb" --data-directory="$root/usr/share/gdb" "$@"
EOF
    else
        mkdir "$2/libraries"
        for name in "$2"/lib/x86_64-linux-gnu/*.so.* "$2/$libraries"/*.so.*; do
            [[ -e /usr/lib/x86_64-linux-gnu/${name##*/} ]] || cp -d "$name" "$2/libraries/"
        done
        cat >"$2/gdb" <<'EOF'
#!/bin/sh
root=$(dirname "$(realpath "$0")")
PYTHONHOME=$root/usr LD_LIBRARY_PATH=$root/libraries \
    exec "$root/usr/bin/gdb" --data-directory="$root/usr/share/gdb" "$@"
EOF
    fi
    chmod 755 "$2/gdb"
}

case $what in
minimal) package=gdb-minimal program=gdb build=unpack_one ;;
server) package=gdbserver program=gdbserver build=unpack_one ;;
*) program=gdb build=unpack_release ;;
esac
directory=$(cache_root)/gdb-$what-$(cache_key "$recipe" "$own")
cached_build "$directory" "$build"
printf '%s\n' "$directory/$program"
