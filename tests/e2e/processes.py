# SPDX-License-Identifier: BSD-3-Clause
"""Signals that take everything down, and processes that end with us."""

import contextlib
import ctypes
import os
import signal
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1

CORES = sorted(os.sched_getaffinity(0))
WORKER_CORE = CORES[-1]  # usherd's; it polls
OTHER_CORES = CORES[:-1] or CORES


class Interrupted(Exception):
    """A signal asked us to end."""


def clean_up_on_signals():
    """Ctrl-C and its like become an exception, once; what they interrupt is then taken down."""
    def interrupt(number, frame):
        ignore_signals()
        raise Interrupted(signal.Signals(number).name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def run(command, **options):
    """Runs a command to its end; raises with what it said when it fails."""
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n"
                           f"{done.stdout}")
    return done.stdout


class Children:
    """Processes that are ended with us: in the order given up, each with its whole group."""

    def __init__(self):
        self.started = []

    def start(self, command, cores=OTHER_CORES, **options):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.sched_setaffinity(0, cores)
        options.setdefault("stdin", subprocess.DEVNULL)
        # A signal between the start and the note of it would lose the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK,
                                        {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            child = subprocess.Popen([str(word) for word in command], start_new_session=True,
                                     preexec_fn=prepare, **options)
            self.started.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return child

    def end(self, child, number=signal.SIGTERM, patience=10):
        self.started = [other for other in self.started if other is not child]
        if child.poll() is None:
            child.send_signal(number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # what it left behind
        return child.returncode

    def end_all(self):
        while self.started:
            self.end(self.started[-1])
