# SPDX-License-Identifier: GPL-3.0-or-later
#
# Defines the command `virtq'. `source' it from anywhere. With Python in this
# gdb it is virtq.py's; without, virtq-reader.so's, a JIT reader, which is
# loaded when `virtq' is first typed.
#
# `set $virtq_use_reader = 1' before takes the JIT reader in any case.

if $_isvoid($_streq) || !$_isvoid($virtq_use_reader)
  # Where is this file? gdb does not tell, but has it open. The answer comes
  # back as a script, at a path that gdb can be told without knowing it.
  pipe echo | directory=$(ls -l /proc/$PPID/fd | sed -n 's|.* -> \(/.*\)/virtq\.gdb$|\1|p' | tail -n 1); \
    for reader in "$VIRTQ_READER" "$directory/../build/virtq-reader.so" "$directory/../../../lib/virtq/virtq-reader.so"; do \
      [ ! -f "$reader" ] || break; \
    done; \
    umask 077; mkdir -p ~/.cache/virtq && \
    printf 'define virtq-reader-load\njit-reader-load %s\nend\nsource %s/reader.gdb\n' "$(realpath "$reader")" "$directory" \
      >~/.cache/virtq/reader.$$ && \
    mv ~/.cache/virtq/reader.$$ ~/.cache/virtq/reader.gdb
  source ~/.cache/virtq/reader.gdb
else
  python
import os
import gdb
links = [os.path.realpath("/proc/self/fd/" + number) for number in os.listdir("/proc/self/fd")]
path = [link for link in links if os.path.basename(link) == "virtq.gdb"][-1]
gdb.execute("source " + os.path.join(os.path.dirname(path), "virtq.py"))
del links, path
  end
end
