# SPDX-License-Identifier: GPL-3.0-or-later
#
# What one writes in gdb without virtq, to compare with: walk the qdev tree,
# and print the indices of every virtqueue that is set up.
#   gdb -nx -batch -x walk.py BINARY CORE, or -p PID
import gdb


def names(obj):
    impl = obj["class"]["type"]
    while impl:
        impl = impl.cast(TYPE_IMPL).dereference()
        yield impl["name"].string()
        impl = impl["parent_type"]


def u16(address):
    return int(gdb.parse_and_eval(f"*(unsigned short *){int(address)}"))


def show(device):
    vdev = device.cast(VIRTIO_DEVICE)
    proxy = device["parent_bus"]["parent"]
    name = (device["id"] or proxy["id"] or device["canonical_path"]).string()
    for index in range(1024):
        queue = vdev["vq"][index]
        vring = queue["vring"]
        if not vring["num"]:
            break
        if not vring["desc"] or not vring["caches"]:
            continue
        caches = vring["caches"].dereference()
        avail, used = caches["avail"]["ptr"], caches["used"]["ptr"]
        num = int(vring["num"])
        print(name, index, num, u16(avail + 2), int(queue["shadow_avail_idx"]),
              int(queue["last_avail_idx"]), int(queue["used_idx"]), u16(used + 2),
              u16(avail + 4 + 2 * num), int(queue["inuse"]))


def walk(bus):
    child = bus["children"]["tqh_first"]
    while child:
        device = child["child"]
        if "virtio-device" in names(device["parent_obj"]):
            show(device)
        below = device["child_bus"]["lh_first"]
        while below:
            walk(below)
            below = below["sibling"]["le_next"]
        child = child["sibling"]["tqe_next"]


TYPE_IMPL = gdb.lookup_type("struct TypeImpl").pointer()
VIRTIO_DEVICE = gdb.lookup_type("struct VirtIODevice").pointer()
walk(gdb.parse_and_eval("main_system_bus"))
