# SPDX-License-Identifier: BSD-3-Clause
"""What passed, failed and was skipped, and the lines that say so."""

import json
import re

TAIL_LINES = 40
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def tail(log):
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return [COLOUR.sub("", line) for line in lines[-TAIL_LINES:]]


class Results:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (name, lines of its log)
        self.skipped = []  # (name, reason)

    def is_empty(self):
        return not (self.passed or self.failed or self.skipped)

    def passes(self, name, remark=""):
        self.passed += 1
        self.say("ok", name, remark)

    def fails(self, name, lines):
        self.failed.append((name, lines))
        self.say("FAILED", name)

    def skips(self, name, reason):
        self.skipped.append((name, reason))
        self.say("skipped", name, reason)

    @staticmethod
    def say(word, name, remark=""):
        print(f"{word:8}{name}" + (f"  ({remark})" if remark else ""), flush=True)

    def add_exit(self, name, code, log, remark=""):
        """Of a command that is one test; 77 means skipped, its last line says why."""
        if code == 0:
            self.passes(name, remark)
        elif code == 77:
            self.skips(name, (tail(log) or ["no reason given"])[-1])
        else:
            self.fails(name, [f"the end of {log}:", *tail(log)])

    def add_gtest(self, name, code, report, log):
        """Of a GoogleTest program: each of its tests counts; dying counts as one that failed."""
        try:
            suites = json.loads(report.read_text())["testsuites"]
        except (OSError, ValueError):
            self.fails(f"{name} (ended without a report, exit code {code})", tail(log))
            return
        passed, failed = 0, False
        for suite in suites:
            for test in suite["testsuite"]:
                full = f"{name}: {suite['name']}.{test['name']}"
                if test.get("failures"):
                    failed = True
                    self.fails(full, [line for failure in test["failures"]
                                      for line in failure["failure"].splitlines()])
                elif test.get("result") == "SKIPPED":
                    self.skips(full, "it said so")
                elif test.get("result") == "COMPLETED":
                    passed += 1
        self.passed += passed
        if passed:
            self.say("ok", name, f"{passed} passed")
        if code != 0 and not failed:
            self.fails(f"{name} (exit code {code})", tail(log))

    def conclude(self):
        for name, reason in self.skipped:
            print(f"\nskipped: {name}: {reason}")
        for name, lines in self.failed:
            print(f"\nFAILED: {name}")
            for line in lines:
                print(f"    {line}")
        print(f"\n{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped",
              flush=True)
        return 1 if self.failed else 0
