# SPDX-License-Identifier: GPL-3.0-or-later
#
# The command `virtq' of a gdb without Python; virtq.gdb sources it. What each
# command does is done in virtq-reader.so (reader.c), when gdb computes a frame.
# 917, 918 and 919 are its words, facts and answer.

define virtq-running
  set $virtq_done = 1
  echo virtq: the target is running: interrupt it first\n
end
document virtq-running
Part of virtq.
end
document virtq-reader-load
Part of virtq.
end

# Begins a request; fails without the reader.
define virtq-request
  dump value /proc/self/fd/919 "virtq-running"
  dump value /proc/self/fd/917 "virtq"
  set $virtq_loaded = 1
end
document virtq-request
Part of virtq.
end

# `thread apply -s' ignores errors, and restores the selected thread and frame.
define virtq
  set $virtq_done = 0
  set $virtq_loaded = 0
  set $virtq_thread = $_thread
  if $virtq_thread == 0
    echo virtq: no process and no core: attach to QEMU, or open its core\n
  else
    thread apply $virtq_thread -q -s -- virtq-reader-load
    thread apply $virtq_thread -q -s -- virtq-request
    if $virtq_loaded == 0
      echo virtq: the JIT reader is not loaded: `virtq-reader-load' tells why\n
    else
      thread apply $virtq_thread -q -s -- pipe info inferiors | cat >/proc/$PPID/fd/918
      thread apply $virtq_thread -q -s -- pipe info auxv | cat >>/proc/$PPID/fd/918
      thread apply $virtq_thread -q -s -- pipe info files | sed -n '/^Local core dump file:/{n;p;}' >>/proc/$PPID/fd/918
      set $virtq_i = 0
      while $virtq_i < $argc
        thread apply $virtq_thread -q -s -- eval "append value /proc/self/fd/917 \"$arg%d\"", $virtq_i
        set $virtq_i = $virtq_i + 1
      end
      append value /proc/self/fd/917 "--width"
      eval "append value /proc/self/fd/917 \"%d\"", $_gdb_setting("width")
      append value /proc/self/fd/917 "run"
      # Frames that gdb has it does not compute again, until it forgets them.
      if $_gdb_major < 11
        thread apply $virtq_thread -q -s -- pipe flushregs | cat >/dev/null
      else
        thread apply $virtq_thread -q -s -- pipe maintenance flush register-cache | cat >/dev/null
      end
      thread apply $virtq_thread -q -s -- frame apply level 0 -q -s -- echo
      source /proc/self/fd/919
    end
  end
end
document virtq
Say on which side of which QEMU virtqueue the request is.

Usage: virtq [check] [OPTION]... [QUEUE]...
       virtq show [OPTION]... QUEUE...
       virtq layout [-o FILE]

QUEUE is DEVICE[:INDEX] or the address of a VirtQueue (0x...). DEVICE is a
qdev id, a QOM path, a PCI address, or a number of the table.

  -q, --quiet       findings only
  -v, --verbose     all queues and devices, what was tried, number of reads
  --json            one JSON document
  -e, --exe FILE    QEMU's binary, if it is not what `info inferiors' says
  --debug-dir DIR   look for debug info there first
  --layout FILE     use a layout that `virtq layout -o' saved
  --no-cache        neither read nor write the layout cache

This gdb has no Python: a JIT reader does the work, and stays loaded.
`jit-reader-unload' removes it, and with it what gdb knows of the code that
QEMU generated (TCG), until gdb attaches anew.
end
