#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# install-packages.sh LIST...: install the Debian packages named in the lists
# (one a line, # comments) that are missing. Says so once; does nothing, in
# milliseconds, when all are there.
set -euo pipefail

wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' "$@" | sort -u | sed '/^$/d')

# dpkg-query says "install ok installed" for each package that is there
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null |
    sed -n 's/^installed //p' | sort -u) || true
missing=$(comm -23 <(echo "$wanted") <(echo "$installed") | tr '\n' ' ')
[ -n "${missing// /}" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "missing packages: $missing" >&2
    echo "install them (on Debian, as root: apt-get install $missing) and try again" >&2
    exit 1
fi
echo "installing missing packages: $missing" >&2
export DEBIAN_FRONTEND=noninteractive
options=(-q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5)
apt-get "${options[@]}" update >&2
# shellcheck disable=SC2086 # a list of words
apt-get "${options[@]}" -y --no-install-recommends install $missing >&2
