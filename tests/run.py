#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every test of the repository; called by tools/test. The last line is the count."""

import argparse
import os
import shutil
import signal
import sys
import time

import children
from builds import BUILD, LOGS, ROOT, Builds
from results import Results

REPORTS = BUILD / "reports"
TEMPORARY = BUILD / "tmp"
SOURCE_FOLDERS = ["nat", "schedulers", "conf", "dataplane", "control", "tools", "tests"]
UNIT_SECONDS = 600
E2E_SECONDS = 900
TIDY_SECONDS = 2700

SANITIZERS = {
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1",
}
# gcc 12's and clang 14's shadow memory does not stand the randomisation of newer kernels.
FIXED_ADDRESSES = ["setarch", "-R"]


def sources(*endings):
    return sorted(str(path.relative_to(ROOT)) for folder in SOURCE_FOLDERS
                  for path in (ROOT / folder).rglob("*") if path.suffix in endings)


def format_check(run):
    command = ["clang-format", "--dry-run", "-Werror", *sources(".cpp", ".hpp", ".c", ".h")]
    run.one("format", command)


def layer_check(run):
    run.one("layers", [sys.executable, "tests/layers.py"])


def tidy(run):
    if not run.builds.tools("release"):  # generated headers
        return
    command = ["run-clang-tidy", "-quiet", "-j", str(os.cpu_count()), "-p", str(BUILD / "release"),
               "-extra-arg=-Wno-unknown-warning-option",
               rf"^{ROOT}/({'|'.join(SOURCE_FOLDERS)})/.*\.cpp$"]
    run.one("tidy", command, TIDY_SECONDS)


def unit(run):
    run.gtests("asan", "_test")
    run.gtests("release", "_release")
    run.scripts("asan")


def golden(run):
    """What a kernel's IPVS decided in the same situations: see docs/replay.md."""
    if not run.builds.ninja("release", ["tools/replay_player"]):
        return
    files = [str(path) for path in sorted((ROOT / "tests/golden").glob("*.json"))]
    player = str(BUILD / "release/tools/replay_player")
    run.one("golden", [player, *files])
    run.one("golden, two workers", [player, "--workers", "2", *files])


def race(run):
    run.gtests("tsan", "_race")


def fuzz(run):
    if not run.builds.ninja("fuzz", ["fuzzers"]):
        return
    for name, program in run.builds.programs("fuzz", "").items():
        if not name.startswith("fuzz_") or not run.wants(name):
            continue
        corpus = ROOT / "tests/fuzz/corpus" / name.removeprefix("fuzz_")
        found = BUILD / "fuzz/found" / name
        found.mkdir(parents=True, exist_ok=True)
        run.one(name, [*FIXED_ADDRESSES, str(program), f"-max_total_time={run.options.seconds}",
                       "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                       f"-artifact_prefix={BUILD}/fuzz/{name}-", str(found), str(corpus)],
                run.options.seconds + UNIT_SECONDS)


def e2e(run):
    scripts = [path for path in sorted((ROOT / "tests/e2e").glob("*"))
               if path.suffix in {".py", ".sh"} and os.access(path, os.X_OK)
               and run.wants(path.stem, path.name)]
    if not scripts or not run.builds.tools("release"):
        return
    for script in scripts:
        run.one(f"e2e {script.stem}", [str(script), "build/release"], E2E_SECONDS)


def bench(run):
    """That the benchmarks work; what they measure beside other tests says nothing."""
    if run.builds.tools("release"):
        run.one("bench", [str(BUILD / "release/tools/bench"), "--quick"])
        run.one("bench peers", [sys.executable, "tools/peers/main.py", "--quick"])


# In the order of running: what is quick and what fails most first.
PARTS = {"format": format_check, "layers": layer_check, "unit": unit, "golden": golden, "race": race, "fuzz": fuzz,
         "e2e": e2e, "bench": bench, "tidy": tidy}


class Run:
    def __init__(self, options, results):
        self.options = options
        self.results = results
        self.builds = Builds(results)

    def wants(self, *names):
        return not self.options.names or any(name in self.options.names for name in names)

    def one(self, name, command, timeout=UNIT_SECONDS):
        """A command that is one test."""
        log = LOGS / f"{name.replace(' ', '-')}.log"
        begin = time.monotonic()
        code = children.run(command, log, timeout, SANITIZERS)
        self.results.add_exit(name, code, log, f"{time.monotonic() - begin:.1f} s")

    def scripts(self, build):
        """Scripts that meson knows as tests, with the programs that they take as arguments."""
        if not self.builds.configure(build):
            return
        programs = {str(path.relative_to(BUILD / build)): str(path)
                    for path in self.builds.programs(build, "").values()}
        for name, command in self.builds.scripts(build).items():
            targets = [word for word in command if word in programs]
            if self.wants(name) and (not targets or self.builds.ninja(build, targets)):
                self.one(name, [*FIXED_ADDRESSES, *(programs.get(word, word) for word in command)])

    def gtests(self, build, ending):
        """The GoogleTest programs of a build whose names end so."""
        if not self.builds.configure(build):
            return
        programs = {name: path for name, path in self.builds.programs(build, ending).items()
                    if self.wants(name)}
        targets = [str(path.relative_to(BUILD / build)) for path in programs.values()]
        if not programs or not self.builds.ninja(build, targets):
            return
        for name, path in programs.items():
            log, report = LOGS / f"{name}.log", REPORTS / f"{name}.json"
            report.unlink(missing_ok=True)
            code = children.run([*FIXED_ADDRESSES, str(path), f"--gtest_output=json:{report}"],
                                log, UNIT_SECONDS, SANITIZERS)
            self.results.add_gtest(name, code, report, log)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="for each fuzzer (default 10)")
    parser.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all")
    parser.add_argument("names", nargs="*",
                        help="only these: programs (conf_test), fuzzers, end-to-end scripts")
    return parser.parse_args()


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    options = parse_arguments()
    os.chdir(ROOT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    children.adopt_orphans()
    shutil.rmtree(TEMPORARY, ignore_errors=True)
    TEMPORARY.mkdir(parents=True)
    os.environ["TMPDIR"] = str(TEMPORARY)
    results = Results()
    run = Run(options, results)
    try:
        for name, part in PARTS.items():
            if options.part in (name, "all"):
                part(run)
    except KeyboardInterrupt:
        results.fails("the run itself", ["interrupted"])
    finally:
        children.end_all(grace=children.GRACE_SECONDS)
        shutil.rmtree(TEMPORARY, ignore_errors=True)
    if options.names and results.is_empty():
        results.fails(f"{options.part} {' '.join(options.names)}", ["there is no such test"])
    return results.conclude()


if __name__ == "__main__":
    sys.exit(main())
