#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What each thread of a running usherd may still do: workers nothing, the control thread a little."""

import pathlib
import sys

sys.dont_write_bytecode = True
from checks import expect  # noqa: E402
from topology import main, server_address, service  # noqa: E402

# CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON, CAP_IPC_LOCK, CAP_DAC_READ_SEARCH
CONTROL = 1 << 12 | 1 << 13 | 1 << 39 | 1 << 38 | 1 << 14 | 1 << 2
START = CONTROL | (1 << 0 | 1 << 1 | 1 << 3 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21 | 1 << 23 |
                   1 << 24 | 1 << 38)  # dataplane/privileges.cpp


def threads(pid):
    """(name, effective capabilities, no_new_privs) of each thread, the main one first."""
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), key=lambda path: int(path.name)):
        fields = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines()
                      if ":\t" in line)
        yield fields["Name"], int(fields["CapEff"], 16), fields["NoNewPrivs"].strip()


def usherd_pid(rig):
    """Of the daemon itself: it may have been started through another program."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"usherd") and str(rig.usherd.config).encode() in words:
            return path.name
    raise RuntimeError("no usherd with this configuration")


def test(rig):
    rig.start_nginx(1)
    rig.usherd.start(service([f"{server_address(1)}:80"]))
    main_thread, *others = threads(usherd_pid(rig))
    expect(main_thread[1] | CONTROL == CONTROL, "the control thread keeps six capabilities")
    expect(main_thread[2] == "1", "and can gain none")
    workers = [thread for thread in others if "worker" in thread[0]]
    expect(workers and all(thread[1] == 0 for thread in workers), "workers have none")
    expect(all(thread[1] | START == START for thread in others), "nobody has all of root's")


if __name__ == "__main__":
    main("privileges", test, servers=1)
