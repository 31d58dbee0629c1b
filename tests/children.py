# SPDX-License-Identifier: BSD-3-Clause
"""Commands of the test run: each in a process group of its own, its output in a file, and nothing
of it alive afterwards, not even what daemonised itself."""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 15  # for a script to take down its namespaces


def adopt_orphans():
    """Orphans of our children become ours, so that they are found."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants():
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found, grown = {os.getpid()}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {os.getpid()}


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def end_all(grace):
    """Ends whatever we started and is still there; returns whether there was anything."""
    reap()
    left = descendants()
    if not left:
        return False
    deadline = time.monotonic() + grace
    send_all(left, signal.SIGTERM)
    while descendants() and time.monotonic() < deadline:
        time.sleep(0.05)
        reap()
    while (left := descendants()) and time.monotonic() < deadline + 5:
        send_all(left, signal.SIGKILL)
        time.sleep(0.05)
        reap()
    return True


def send_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def run(command, log, timeout, env=None):
    """Returns the exit code, or None when the time was up. Output goes to the file `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, start_new_session=True,
                                 env={**os.environ, **(env or {})})
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            output.write(f"\nended after {timeout} s\n".encode())
            return None
        finally:
            if child.poll() is None:  # time is up, or Ctrl-C
                end_child(child)
            end_all(grace=1)


def end_child(child):
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
