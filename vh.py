import gdb
for d in [gdb.parse_and_eval("'vhost.c'::vhost_devices")['lh_first'].dereference()]:
    for i in range(int(d['nvqs'])):
        q=d['vqs'][i]
        print("VHOST vq",i,"kick",int(q['kick']),"call",int(q['call']),"masked",int(q['masked_notifier']['rfd']), "started",d['started'])
        break
