# SPDX-License-Identifier: BSD-3-Clause
"""What the boxes' programs and this one take of the processors, the kernel's work for them
included: packets over veth are carried in the context of who sends them, or in ksoftirqd. Others'
programs do not count."""

import contextlib
import os
import pathlib
import resource

TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS  # utime and stime of all threads, dead too


class CpuTime:
    def __init__(self, boxes):
        self.spaces = {os.readlink(f"/proc/{box.holder.pid}/ns/net") for box in boxes}

    def processes(self):
        """Of the boxes."""
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/net") in self.spaces:
                    yield int(path.name)
            except OSError:
                continue  # it has ended

    def snapshot(self):
        """For `between`: by process, and of this one with its ended children."""
        own = sum(usage.ru_utime + usage.ru_stime for usage in
                  map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
        seconds = {}
        for pid in (*self.processes(), *self.kernels()):
            with contextlib.suppress(OSError):
                seconds[pid] = seconds_of(pid)
        return seconds, own

    @staticmethod
    def kernels():
        for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().startswith("ksoftirqd/"):
                    yield int(path.parent.name)

    @staticmethod
    def between(before, after):
        """Of processes that were there at both times, and of children that ended between."""
        running = sum(after[0][pid] - before[0][pid] for pid in after[0] if pid in before[0])
        return running + after[1] - before[1]
