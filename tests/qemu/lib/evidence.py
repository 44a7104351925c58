# SPDX-License-Identifier: GPL-3.0-or-later
"""For gdb: what its own eyes see of the queues, event loops and mutexes that virtq told of.

Called as: gdb -batch -p PID -ex 'python document = "FILE"' -x evidence.py, where FILE is virtq's JSON. Prints one line
for each thing, in the order of the document; the test makes the same lines of the document itself.
"""
import json

import gdb


def value(expression):
    return gdb.parse_and_eval(expression)


def handlers(context):
    """The handlers in an AioContext's list that are not about to be deleted."""
    node = value("((struct AioContext *)%s)->aio_handlers.lh_first" % context)
    while int(node):
        if not int(node["node_deleted"]["le_prev"]):
            yield node
        node = node["node"]["le_next"]


def notifier(queue, name):
    """The file descriptor of an EventNotifier, or None if it was never set up."""
    notifier = queue[name]
    fd = int(notifier["rfd"])
    initialized = "initialized" not in [field.name for field in notifier.type.fields()] or int(notifier["initialized"])
    return fd if fd > 0 and initialized else None


def say(*words):
    print("evidence", *("null" if word is None else int(word) if isinstance(word, bool) else word for word in words))


def device_lines(device, contexts):
    vdev = value("(VirtIODevice *)%s" % device["host-address"])
    bus = vdev["parent_obj"]["parent_bus"].cast(gdb.lookup_type("VirtioBusState").pointer())
    proxy = bus["parent_obj"]["parent"].cast(gdb.lookup_type("VirtIOPCIProxy").pointer())
    pci = proxy["pci_dev"]
    msix = bool(int(pci["msix_cap"])) and bool(int(pci["config"][int(pci["msix_cap"]) + 3]) & 0x80)
    started = bool(int(bus["ioeventfd_started"]))
    grabbed = int(bus["ioeventfd_grabbed"])
    say(device["id"], started, grabbed, msix, bool(int(pci["irq_state"])), bool(int(proxy["vector_irqfd"])))
    for queue in device["queues"]:
        vq = value("(VirtQueue *)%s" % queue["host-address"])
        host = notifier(vq, "host_notifier")
        vector = int(vq["vector"])
        masked = pending = None
        if msix and vector != 0xffff:
            masked = bool(int(pci["msix_table"][16 * vector + 12]) & 1 or int(pci["msix_function_masked"]))
            pending = bool(int(pci["msix_pba"][vector // 8]) >> vector % 8 & 1)
        heard = None
        if host and started and not grabbed and int(vq["host_notifier_enabled"]):
            heard = sum(1 for opaques in contexts if int(vq["host_notifier"].address) in opaques)
        say(device["id"], queue["queue-index"], host, notifier(vq, "guest_notifier"), masked, pending, heard)


def main():
    with open(document) as file:
        told = json.load(file)
    contexts = [[int(node["opaque"]) for node in handlers(loop["host-address"])] for loop in told["event-loops"]]
    for device in told["devices"]:
        device_lines(device, contexts)
    for symbol in ("iohandler_ctx", "qemu_aio_context"):
        say("loop", symbol, "0x%x" % int(value(symbol)))
    for name in ("bql", "qemu_global_mutex"):
        if gdb.lookup_symbol(name)[0] or gdb.lookup_static_symbol(name):
            lock = value(name)
            say("lock", "0x%x" % int(lock.address), int(lock["lock"]["__data"]["__owner"]))
            break


main()
