# SPDX-License-Identifier: GPL-3.0-or-later
"""virtq inside gdb: a thin shim over libvirtq.so.

`source` this file, then type `virtq`; `help virtq` tells the rest. What is
decided about QEMU is decided in the library; here is only what gdb has to
give it: memory of the selected inferior, which binary that runs, and where
that is loaded. Nothing is written to the target.
"""

import argparse
import ctypes
import errno
import itertools
import json
import os
import re
import stat
import sys
import threading

import gdb

virtq_directory = os.path.dirname(os.path.realpath(__file__))


# ---- libvirtq, as declared in virtq.h --------------------------------------------

virtq_read_callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
virtq_log_callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
virtq_wait_callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


class VirtqOptions(ctypes.Structure):
    """struct virtq_options"""
    _fields_ = [
        ("executable", ctypes.c_char_p),
        ("debug_dir", ctypes.c_char_p),
        ("layout_file", ctypes.c_char_p),
        ("no_layout_cache", ctypes.c_bool),
        ("progress", ctypes.c_bool),
        ("verbose", ctypes.c_bool),
        ("log", virtq_log_callback),
        ("log_argument", ctypes.c_void_p),
    ]


class VirtqThread(ctypes.Structure):
    """struct virtq_thread"""
    _fields_ = [
        ("tid", ctypes.c_int),
        ("name", ctypes.c_char * 32),
        ("registers", ctypes.c_uint64 * 40),
        ("known", ctypes.c_uint64),
    ]


virtq_threads_callback = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(VirtqThread), ctypes.c_size_t)


class VirtqCallbacks(ctypes.Structure):
    """struct virtq_callbacks"""
    _fields_ = [
        ("read", virtq_read_callback),
        ("argument", ctypes.c_void_p),
        ("executable", ctypes.c_char_p),
        ("entry", ctypes.c_uint64),
        ("load_bias", ctypes.c_uint64),
        ("description", ctypes.c_char_p),
        ("pid", ctypes.c_int),
        ("is_local", ctypes.c_bool),
        ("core", ctypes.c_char_p),
        ("threads", virtq_threads_callback),
    ]


class VirtqAnalysisOptions(ctypes.Structure):
    """struct virtq_analysis_options"""
    _fields_ = [
        ("once", ctypes.c_bool),
        ("interval_ms", ctypes.c_uint),
        ("wait", virtq_wait_callback),
        ("wait_argument", ctypes.c_void_p),
        ("queues", ctypes.POINTER(ctypes.c_char_p)),
        ("queues_num", ctypes.c_size_t),
        ("record", ctypes.c_bool),
    ]


class VirtqRenderOptions(ctypes.Structure):
    """struct virtq_render_options"""
    _fields_ = [
        ("color", ctypes.c_bool),
        ("verbose", ctypes.c_bool),
        ("quiet", ctypes.c_bool),
        ("width", ctypes.c_uint),
    ]


class VirtqReportOptions(ctypes.Structure):
    """struct virtq_report_options"""
    _fields_ = [("full", ctypes.c_bool)]


# VIRTQ_ERROR_INVALID_ARGUMENT of enum virtq_error_code
virtq_error_invalid_argument = 2

# enum virtq_report_format
virtq_report_formats = ("archive", "snapshot", "text", "json", "html")


class VirtqError(gdb.GdbError):
    """What the library says is wrong."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class VirtqLibrary:
    """libvirtq.so: beside the checkout's sources in build/, or installed in lib/."""

    loaded = None

    @classmethod
    def get(cls):
        """The library, loaded when it is first needed."""
        if cls.loaded is None:
            cls.loaded = cls()
        return cls.loaded

    def __init__(self):
        paths = [os.path.join(virtq_directory, "..", "build", "libvirtq.so"),
                 os.path.join(virtq_directory, "..", "..", "..", "lib", "libvirtq.so")]
        if os.environ.get("VIRTQ_LIBRARY"):
            paths = [os.environ["VIRTQ_LIBRARY"]]
        path = next((path for path in paths if os.path.exists(path)), None)
        if path is None:
            raise gdb.GdbError("virtq: there is no %s: run make first"
                               % os.path.normpath(paths[0]))
        try:
            # Its own scope: its libbfd does not find names of gdb's, nor gdb its.
            library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
        except OSError as error:
            raise gdb.GdbError("virtq: %s" % error)
        self.free = library.free
        self.free.argtypes = [ctypes.c_void_p]
        self.error_destroy = library.virtq_error_destroy
        self.error_destroy.argtypes = [ctypes.c_void_p]
        self.error_destroy.restype = None
        self.error_code = library.virtq_error_code
        self.error_code.argtypes = [ctypes.c_void_p]
        self.error_new = library.virtq_error_new
        self.error_new.argtypes = [ctypes.c_int, ctypes.c_char_p]
        self.error_new.restype = ctypes.c_void_p
        self.error_message = library.virtq_error_message
        self.error_message.argtypes = [ctypes.c_void_p]
        self.error_message.restype = ctypes.c_char_p
        self.library = library

    def call(self, name, *arguments):
        """Call a function that returns an error, or NULL."""
        function = getattr(self.library, name)
        function.restype = ctypes.c_void_p
        error = function(*arguments)
        if error:
            message = self.error_message(error).decode(errors="replace")
            code = self.error_code(error)
            self.error_destroy(error)
            raise VirtqError("virtq: " + message, code)

    def text(self, name, *arguments):
        """Call a function whose last argument receives a text that is the caller's."""
        text = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(text))
        try:
            return ctypes.string_at(text).decode(errors="replace")
        finally:
            self.free(text)

    def json_error(self, error):
        """The document that says why there is no answer."""
        message = str(error)
        message = message[len("virtq: "):] if message.startswith("virtq: ") else message
        pointer = self.error_new(getattr(error, "code", virtq_error_invalid_argument),
                                 message.encode(errors="replace"))
        try:
            return self.text("virtq_render_json", None, ctypes.c_void_p(pointer))
        finally:
            self.error_destroy(pointer)

    def bytes(self, name, *arguments):
        """Call a function whose last arguments receive bytes that are the caller's."""
        data = ctypes.c_void_p()
        length = ctypes.c_size_t()
        self.call(name, *arguments, ctypes.byref(data), ctypes.byref(length))
        try:
            return ctypes.string_at(data, length.value)
        finally:
            self.free(data)

    def release(self, name, pointer):
        """Call a function that releases an object; NULL is fine."""
        function = getattr(self.library, name)
        function.restype = None
        function(pointer)


def virtq_bytes(text):
    """A char pointer to `text`, or NULL."""
    return os.fsencode(text) if text else None


# ---- What gdb knows of the target -------------------------------------------------

def virtq_inferior():
    """The selected inferior, which must have memory that stands still."""
    inferior = gdb.selected_inferior()
    if not inferior.pid:
        raise gdb.GdbError("virtq: no process and no core: attach to QEMU, or open its core")
    if any(thread.is_running() for thread in inferior.threads()):
        raise gdb.GdbError("virtq: the target is running: interrupt it first")
    return inferior


def virtq_connection(inferior):
    """native, core, remote...; empty where gdb does not tell."""
    if hasattr(inferior, "connection"):
        return inferior.connection.type if inferior.connection else ""
    # gdb 10 and 11 only print it
    match = re.search(r"^\* \d+ +.*? +\d+ \(([a-z-]+)[ )]",
                      gdb.execute("info inferiors", to_string=True), re.MULTILINE)
    return match.group(1) if match else ""


def virtq_core(inferior):
    """Path of the core that the inferior is, or None."""
    if virtq_connection(inferior) != "core":
        return None
    match = re.search(r"^Local core dump file:\n\t[`'](.*)', file type",
                      gdb.execute("info files", to_string=True), re.MULTILINE)
    return match.group(1) if match else None


def virtq_in_thread(thread, function):
    """Call `function`, which may select threads: gdb selects its user's thread and frame again."""
    virtq_in_thread.function = function
    gdb.execute("thread apply %d.%d -q -s -- python virtq_in_thread.function()"
                % (thread.inferior.num, thread.num), to_string=True)


def virtq_register(name):
    """Of the selected thread, or None."""
    try:
        return int(gdb.parse_and_eval("$" + name)) & (1 << 64) - 1
    except (gdb.error, TypeError):
        return None


def virtq_executable(inferior):
    """Path of the binary that the inferior runs, on this machine."""
    path = gdb.current_progspace().filename
    if not path:
        raise gdb.GdbError("virtq: gdb knows no executable: give QEMU's binary with `file`, or -e")
    # as gdb names files of the machine that gdbserver is on; build-ids are compared later
    path = path[len("target:"):] if path.startswith("target:") else path
    process_path = "/proc/%d/exe" % inferior.pid
    if (not os.access(path, os.R_OK) and virtq_connection(inferior) == "native"
            and os.access(process_path, os.R_OK)):
        return process_path
    return path


def virtq_entry():
    """Run-time address of the program's entry point."""
    for command, pattern in (("info auxv", r"AT_ENTRY\b.*?(0x[0-9a-f]+)"),
                             ("info files", r"Entry point: (0x[0-9a-f]+)")):
        try:
            match = re.search(pattern, gdb.execute(command, to_string=True))
        except gdb.error:
            continue
        if match:
            return int(match.group(1), 16)
    raise gdb.GdbError("virtq: the target does not say where its program is loaded"
                       " (no auxiliary vector)")


def virtq_description(inferior):
    """For the header line."""
    return "gdb inferior %d (%s %d)" % (inferior.num, {
        "core": "core of process",
        "remote": "remote process",
        "extended-remote": "remote process",
    }.get(virtq_connection(inferior), "process"), inferior.pid)


def virtq_check_resume(inferior):
    """Can the target be let run, and stopped again without it noticing?"""
    connection = virtq_connection(inferior)
    if connection == "core":
        raise gdb.GdbError("virtq: a core cannot run on: -resume is for live targets")
    if not hasattr(inferior, "connection"):
        raise gdb.GdbError("virtq: -resume needs gdb 12 or later")
    if connection != "native":
        # to stop a process that it attached to, it signals the whole process group
        raise gdb.GdbError("virtq: -resume cannot be used through gdbserver")
    if gdb.parameter("non-stop"):
        raise gdb.GdbError("virtq: -resume cannot be used in non-stop mode")
    if gdb.parameter("scheduler-locking") == "on":
        raise gdb.GdbError("virtq: -resume needs all threads: `set scheduler-locking off` first")
    # gdb stops the target with it, and keeps it from the target
    if not re.search(r"^SIGINT\s+Yes\s+\S+\s+No\b",
                     gdb.execute("info signals SIGINT", to_string=True), re.MULTILINE):
        raise gdb.GdbError("virtq: -resume needs `handle SIGINT stop nopass`, gdb's default")


def virtq_resume(seconds):
    """Let the target run for a while; it is stopped again when this returns."""
    inferior = gdb.selected_inferior()
    thread = gdb.selected_thread()
    interrupts = []
    stops = []

    def interrupt():
        interrupts.append(True)
        gdb.execute("interrupt", to_string=True)

    def stopped(event):
        stops.append(getattr(event, "stop_signal", None))

    timer = threading.Timer(seconds, lambda: gdb.post_event(interrupt))
    gdb.events.stop.connect(stopped)
    timer.start()
    try:
        gdb.execute("continue", to_string=True)
    finally:
        timer.cancel()
        gdb.events.stop.disconnect(stopped)
    if not inferior.is_valid() or not inferior.pid:
        raise gdb.GdbError("virtq: the target exited while it ran on")
    if thread and thread.is_valid():
        thread.switch()
    if stops[-1:] != ["SIGINT"]:
        raise gdb.GdbError("virtq: the target stopped before %g s were over%s" % (
            seconds, "; `continue` once before `detach`, gdb's SIGINT is on its way"
            if interrupts else ""))


# ---- Analysis ------------------------------------------------------------------------

class VirtqAnalysis:
    """A session of the library on the selected inferior, and its result."""

    def __init__(self, arguments, record=False):
        self.library = VirtqLibrary.get()
        self.session = ctypes.c_void_p()
        self.result = ctypes.c_void_p()
        self.reads = 0
        self.bytes = 0
        self.failure = None
        self.inferior = virtq_inferior()
        if arguments.resume:
            virtq_check_resume(self.inferior)
        self.callbacks = VirtqCallbacks(
            read=virtq_read_callback(self.read),
            executable=virtq_bytes(arguments.exe or virtq_executable(self.inferior)),
            entry=virtq_entry(),
            threads=virtq_threads_callback(self.threads),
            description=virtq_bytes(virtq_description(self.inferior)),
            # a stub that knows of no processes has gdb invent a number
            pid=self.inferior.pid if any(thread.ptid[1] == self.inferior.pid
                                         for thread in self.inferior.threads()) else 0,
            is_local=virtq_connection(self.inferior) == "native",
            core=virtq_bytes(virtq_core(self.inferior)))
        self.options = virtq_options(arguments)
        self.analysis_options = VirtqAnalysisOptions(
            queues=(ctypes.c_char_p * len(arguments.queues))(
                *[virtq_bytes(queue) for queue in arguments.queues]),
            queues_num=len(arguments.queues), record=record)
        if arguments.resume:
            self.analysis_options.wait = virtq_wait_callback(self.wait)
            self.analysis_options.interval_ms = int(arguments.resume * 1000)

    def __enter__(self):
        try:
            self.library.call("virtq_session_open_callbacks", ctypes.byref(self.callbacks),
                              ctypes.byref(self.options), ctypes.byref(self.session))
            self.library.call("virtq_analyze", self.session, ctypes.byref(self.analysis_options),
                              ctypes.byref(self.result))
        except gdb.GdbError:
            self.__exit__()
            raise self.failure or sys.exc_info()[1]
        if self.failure:
            self.__exit__()
            raise self.failure
        return self

    def __exit__(self, *_):
        self.library.release("virtq_result_destroy", self.result)
        self.library.release("virtq_session_close", self.session)

    def read(self, _, address, buffer, length):
        """Callback: no exception may leave it. After Ctrl-C nothing is read any more."""
        if self.failure:
            return 1
        self.reads += 1
        try:
            data = self.inferior.read_memory(address, length)
            ctypes.memmove(buffer, data.tobytes(), length)
            self.bytes += length
            return 0
        except (gdb.error, OverflowError):
            return 1
        except BaseException as failure:  # pylint: disable=broad-except
            self.failure = failure
            return 1

    def threads(self, _, registers, found, limit):
        """Callback: what gdb knows of the threads."""
        def look():
            try:
                for thread, told in zip(threads, found):
                    told.tid = thread.ptid[1]
                    told.name = os.fsencode(thread.name or "")[:31]
                    thread.switch()
                    for i, value in enumerate(map(virtq_register, names)):
                        if value is not None:
                            told.registers[i] = value
                            told.known |= 1 << i
            except BaseException as failure:  # pylint: disable=broad-except
                self.failure = failure

        if self.failure:
            return 0
        try:
            names = [name.decode() for name in itertools.takewhile(bool, registers)]
            threads = sorted(self.inferior.threads(), key=lambda thread: thread.num)[:limit]
            virtq_in_thread(threads[0], look)
        except BaseException as failure:  # pylint: disable=broad-except
            self.failure = failure
        return 0 if self.failure else len(threads)

    def wait(self, _, interval_ms):
        """Callback between two samples."""
        if self.failure:
            return 1
        try:
            gdb.write("the target runs on for %g s\n" % (interval_ms / 1000))
            gdb.flush()
            virtq_resume(interval_ms / 1000)
            return 0
        except BaseException as failure:  # pylint: disable=broad-except
            self.failure = failure
            return 1

    def render(self, function, arguments):
        """The text of one of the library's renderers."""
        if function == "virtq_render_json":
            return self.library.text(function, self.result, None)
        options = VirtqRenderOptions(
            color=gdb.parameter("style enabled") and os.isatty(1)
            and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR"),
            verbose=arguments.verbose, quiet=arguments.quiet, width=gdb.parameter("width") or 0)
        return self.library.text(function, self.result, ctypes.byref(options))

    def report(self, form, full):
        """The bytes of a report."""
        return self.library.bytes("virtq_report", self.result, virtq_report_formats.index(form),
                                  ctypes.byref(VirtqReportOptions(full=full)))


@virtq_log_callback
def virtq_log(_, line):
    """Callback: what the library tries."""
    try:
        gdb.write("virtq: %s\n" % line.decode(errors="replace"), gdb.STDERR)
    except BaseException:  # pylint: disable=broad-except
        pass


def virtq_options(arguments):
    """struct virtq_options for a command's arguments."""
    return VirtqOptions(
        debug_dir=virtq_bytes(arguments.debug_dir), layout_file=virtq_bytes(arguments.layout),
        no_layout_cache=arguments.no_cache, verbose=arguments.verbose,
        log=virtq_log if arguments.verbose else virtq_log_callback())


virtq_expression_starts = ("$", "&", "*", "(")


# ---- Commands --------------------------------------------------------------------------

def virtq_words(text):
    """The words of a command as gdb splits them; an expression keeps its quotes and blanks."""
    words, word, depth, quote, escaped = [], "", 0, "", False
    for character in text:
        inside = quote or escaped or (depth > 0 and word[0] in virtq_expression_starts)
        if character.isspace() and not inside:
            words.append(word)
            word, depth = "", 0
            continue
        word += character
        if escaped or character == "\\":
            escaped = not escaped
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character == "(") - (character == ")")
    words.append(word)
    split = []
    for word in words:
        split += [word] if word[:1] in virtq_expression_starts else gdb.string_to_argv(word)
    return split


class VirtqParser(argparse.ArgumentParser):
    """The options, named as those of the command line."""

    def __init__(self):
        super().__init__(prog="virtq", add_help=False, allow_abbrev=False)
        self.add_argument("-q", "--quiet", action="store_true")
        self.add_argument("-v", "--verbose", action="store_true")
        self.add_argument("--json", action="store_true")
        self.add_argument("-e", "--exe")
        self.add_argument("--debug-dir")
        self.add_argument("--layout")
        self.add_argument("--no-cache", action="store_true")
        self.add_argument("-resume", "--resume", type=float)
        self.add_argument("-o", "--output")
        self.add_argument("--format", choices=[form for form in virtq_report_formats
                                               if form != "snapshot"])
        self.add_argument("--force", action="store_true")
        self.add_argument("--full", action="store_true")
        self.add_argument("queues", nargs="*")

    def error(self, message):
        raise gdb.GdbError("virtq: %s (see `help virtq`)" % message)

    @classmethod
    def parse(cls, text):
        """The arguments in a command's `text`; gdb's expressions made addresses."""
        arguments = cls().parse_intermixed_args(virtq_words(text))
        arguments.queues = [cls.evaluate(queue) for queue in arguments.queues]
        if arguments.resume is not None and not 0.001 <= arguments.resume <= 3600:
            raise gdb.GdbError("virtq: -resume is 0.001 to 3600 seconds")
        return arguments

    @staticmethod
    def evaluate(queue):
        """Take $vq, &queue and (expression) for what gdb says they are."""
        if queue[:1] not in virtq_expression_starts:
            return queue
        try:
            return "0x%x" % (int(gdb.parse_and_eval(queue)) & (1 << 64) - 1)
        except (gdb.error, TypeError) as error:
            raise gdb.GdbError("virtq: '%s' is not an address: %s" % (queue, error))


def virtq_queue_names():
    """DEVICE and DEVICE:INDEX of all queues, for completion."""
    names = []
    with VirtqAnalysis(VirtqParser.parse("")) as analysis:
        document = json.loads(analysis.render("virtq_render_json", None))
    for device in document["devices"]:
        name = device["id"] or str(device["index"])
        names.append(name)
        names.extend("%s:%d" % (name, queue["queue-index"]) for queue in device["queues"])
    return names


class VirtqCheckCommand(gdb.Command):
    """Say on which side of which QEMU virtqueue the request is.

Usage: virtq check [OPTION]... [QUEUE]...

As `virtq'; for a device that is named like one of virtq's commands."""

    name = "virtq check"
    render = "virtq_render_text"
    prefix = False

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA, prefix=self.prefix)

    def invoke(self, argument, _from_tty):
        """Called by gdb."""
        try:
            self.answer(VirtqParser.parse(argument))
        except gdb.GdbError as error:
            if "--json" in argument.split():
                gdb.write(VirtqLibrary.get().json_error(error))
            raise

    def answer(self, arguments):
        """Print what is asked for."""
        self.check(arguments)
        with VirtqAnalysis(arguments) as analysis:
            text = analysis.render("virtq_render_json" if arguments.json else self.render,
                                   arguments)
            reads, size = analysis.reads, analysis.bytes
        gdb.write(text)
        if arguments.verbose:
            gdb.write("\nread through gdb: %d reads, %d KiB\n" % (reads, size // 1024))

    def check(self, arguments):
        """Do the arguments make sense?"""
        if arguments.output or arguments.format or arguments.force or arguments.full:
            raise gdb.GdbError("virtq: -o, --format, --force and --full are for files:"
                               " `virtq layout', `virtq report', `virtq snapshot'")

    def complete(self, text, word):
        """Called by gdb. `word' starts behind the last character that breaks words."""
        last = text.rpartition(" ")[2]
        try:
            names = virtq_queue_names()
        except gdb.error:
            return []
        return [name[len(last) - len(word):] for name in names if name.startswith(last)]


class VirtqCommand(VirtqCheckCommand):
    """Say on which side of which QEMU virtqueue the request is.

Usage: virtq [OPTION]... [QUEUE]...

QUEUE is DEVICE[:INDEX] or the address of a VirtQueue (0x..., or a gdb
expression that starts with $, & or an opening parenthesis). DEVICE is a qdev
id, a QOM path, a PCI address, or a number of the table.

  -resume SECONDS   let a live target run on between two samples: only what
                    did not move is stuck. Without it there is one sample
  -q, --quiet       findings only
  -v, --verbose     all queues and devices, what was tried, number of reads
  --json            one JSON document
  -e, --exe FILE    QEMU's binary, if it is not what `info inferiors' says
  --debug-dir DIR   look for debug info there first
  --layout FILE     use a layout that `virtq layout -o' saved
  --no-cache        neither read nor write the layout cache

$virtq("DEVICE", INDEX) is the VirtQueue: p *$virtq("disk0", 0)"""

    name = "virtq"
    prefix = True


class VirtqShowCommand(VirtqCheckCommand):
    """Show everything about a virtqueue: verdict, evidence, indices, all fields.

Usage: virtq show [OPTION]... QUEUE...

QUEUE and the options are those of `help virtq'."""

    name = "virtq show"
    render = "virtq_render_show"

    def check(self, arguments):
        super().check(arguments)
        if not arguments.queues:
            raise gdb.GdbError("virtq: show needs a QUEUE; `virtq' lists them")


def virtq_write(path, data, force, public=False):
    """A new file that is there as a whole or not at all, readable by its owner.

    As output_write() of the command line does it, so is written into a character
    device, a FIFO and what is open under a name in /proc.
    """
    path = os.path.expanduser(path)
    try:
        mode = os.stat(path).st_mode if os.path.exists(path) else stat.S_IFREG
        if (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)
                or os.path.islink(path) and os.readlink(path).startswith("/proc/")):
            with open(path, "ab", buffering=0) as file:
                while data:
                    data = data[file.write(data):]
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        virtq_write_file(path, data, force, 0o666 if public else 0o600)
    except FileExistsError:
        raise gdb.GdbError("virtq: %s: File exists (--force replaces it)" % path)
    except OSError as error:
        raise gdb.GdbError("virtq: %s: %s" % (path, error.strerror))


def virtq_rename_new(name, path):
    """Give the file `name` the name `path` if nothing else has it."""
    try:
        os.link(name, path)
    except OSError as error:
        # what file systems say that have no links, as vfat
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        at_fdcwd, rename_noreplace = -100, 1
        renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if renameat2 and not renameat2(at_fdcwd, os.fsencode(name), at_fdcwd, os.fsencode(path),
                                       rename_noreplace):
            return
        if renameat2 and ctypes.get_errno() == errno.EEXIST:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        raise


def virtq_write_file(path, data, force, mode):
    """The file itself, which gets its name when all is in it and on the disk."""
    name = os.path.join(os.path.dirname(path) or ".", ".virtq-" + os.urandom(4).hex())
    with open(name, "xb", opener=lambda new, flags: os.open(new, flags, mode)) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if force:
                os.replace(name, path)
            else:
                virtq_rename_new(name, path)
        finally:
            if os.path.lexists(name):
                os.unlink(name)


class VirtqLayoutCommand(gdb.Command):
    """Print the struct layout of the QEMU binary in use.

Usage: virtq layout [-o FILE] [-e FILE] [--debug-dir DIR] [--no-cache]

With -o it is saved to FILE, for --layout; - prints it."""

    def __init__(self):
        super().__init__("virtq layout", gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, _from_tty):
        """Called by gdb."""
        arguments = VirtqParser.parse(argument)
        if arguments.queues or arguments.json:
            raise gdb.GdbError("virtq: layout takes no QUEUE and no --json")
        path = arguments.exe or virtq_executable(gdb.selected_inferior())
        text = VirtqLibrary.get().text("virtq_layout_text", virtq_bytes(path),
                                       ctypes.byref(virtq_options(arguments)))
        if arguments.output and arguments.output != "-":
            virtq_write(arguments.output, text.encode(), force=True, public=True)
        else:
            gdb.write(text)


class VirtqReportCommand(gdb.Command):
    """Write a report that can be attached to a public bug, and that virtq opens.

Usage: virtq report [-o FILE] [--format FORMAT] [--force] [--full] [OPTION]...

Without -o the archive is virtq-report-PID.tar.gz here. Options:

  --format FORMAT   archive (default), or one document of it: text, json, html
  --force           replace FILE if it is there
  --full            keep paths, addresses, secrets and the whole command line

The others are those of `help virtq'."""

    def __init__(self, name="virtq report"):
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE)

    def invoke(self, argument, _from_tty):
        """Called by gdb."""
        arguments = VirtqParser.parse(argument)
        if arguments.queues or arguments.json:
            raise gdb.GdbError("virtq: a report is of all queues: there is no QUEUE and no --json")
        self.write(arguments, arguments.format or "archive")

    def write(self, arguments, form):
        """The report as the user wants it."""
        text = form in ("text", "json", "html")
        if arguments.output == "-" and not text:
            raise gdb.GdbError("virtq: not writing binary data to gdb's output; use -o FILE")
        with VirtqAnalysis(arguments, record=True) as analysis:
            data = analysis.report(form, arguments.full)
            pid = analysis.inferior.pid
        if text and (arguments.output or "-") == "-":
            gdb.write(data.decode(errors="replace"))
            return
        path = arguments.output or "virtq-report-%d.tar.gz" % pid
        virtq_write(path, data, arguments.force)
        if not arguments.output:
            gdb.write(path + "\n")


class VirtqSnapshotCommand(VirtqReportCommand):
    """Write the memory that virtq reads, and no other, as an ELF core.

Usage: virtq snapshot -o FILE [--force] [--full] [OPTION]...

virtq and gdb open it. The options are those of `help virtq report'."""

    def __init__(self):
        super().__init__("virtq snapshot")

    def write(self, arguments, form):
        if not arguments.output:
            raise gdb.GdbError("virtq: snapshot needs -o FILE")
        super().write(arguments, "snapshot")


class VirtqFunction(gdb.Function):
    """The VirtQueue of a device: $virtq("DEVICE", INDEX) or $virtq("DEVICE:INDEX")."""

    def __init__(self):
        super().__init__("virtq")

    def invoke(self, device, index=None):
        """Called by gdb."""
        arguments = VirtqParser.parse("")
        arguments.queues = [device.string() if index is None
                            else "%s:%d" % (device.string(), int(index))]
        with VirtqAnalysis(arguments) as analysis:
            document = json.loads(analysis.render("virtq_render_json", arguments))
        queues = [queue for found in document["devices"] for queue in found["queues"]]
        if len(queues) != 1:
            raise gdb.GdbError("virtq: %s has %d queues: say which one"
                               % (arguments.queues[0], len(queues)))
        pointer = gdb.lookup_type("struct VirtQueue").pointer()
        return gdb.Value(int(queues[0]["host-address"], 16)).cast(pointer)


VirtqCommand()
VirtqCheckCommand()
VirtqShowCommand()
VirtqLayoutCommand()
VirtqReportCommand()
VirtqSnapshotCommand()
VirtqFunction()
