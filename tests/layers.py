#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each folder may include only itself and the folders below it, and the pure ones no DPDK."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What each folder may include of ours. A packet never meets text or a socket: dataplane stands
# after conf, and still may not include it.
ALLOWED = {
    "nat": {"nat"},
    "schedulers": {"nat", "schedulers"},
    "conf": {"nat", "schedulers", "conf"},
    "dataplane": {"nat", "schedulers", "dataplane"},
    "control": {"nat", "schedulers", "conf", "dataplane", "control"},
    "tools": {"nat", "schedulers", "conf", "dataplane", "control", "tools"},
}
PURE = {"nat", "schedulers", "conf"}
NOT_PURE = re.compile(r"rte_|bpf/|xdp/|linux/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*")
                  if path.suffix in {".cpp", ".hpp", ".c", ".h"})


def mistakes_in(folder, path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        where = f"{path.relative_to(ROOT)}:{number}"
        quote, included = match.groups()
        first = included.split("/")[0]
        ours = first in ALLOWED or first == "tests"
        if ours and first not in ALLOWED[folder]:
            yield f"{where}: {folder} may not include {included}"
        if quote == '"' and not ours and not (path.parent / included).exists() \
                and not included.endswith("_object.hpp"):
            yield f"{where}: \"{included}\" is not named from the root of the repository"
        if folder in PURE and NOT_PURE.match(included):
            yield f"{where}: {folder} is pure and may not include {included}"


def main():
    mistakes = [mistake for folder in ALLOWED for path in sources(folder)
                for mistake in mistakes_in(folder, path)]
    print("\n".join(mistakes) if mistakes else "every include goes down")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
