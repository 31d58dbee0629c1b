# SPDX-License-Identifier: BSD-3-Clause
"""The build directories of the tests, and what is in them."""

import json
import pathlib
import subprocess

import children

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "log"
BUILD_SECONDS = 3600

# Assertions are on in all but the release. What a sanitizer reports is lines: more debug information,
# and -O1 in place of -Og, would make the compiler take twice as long.
CHECKED = ["-Doptimization=g", "-Ddebug=false", "-Dcpp_args=-g1", "-Db_ndebug=false",
           "-Db_lundef=false"]
SETUP = {
    "release": [],
    "asan": ["-Db_sanitize=address,undefined", *CHECKED],
    "tsan": ["-Db_sanitize=thread", *CHECKED],
    "fuzz": ["-Db_sanitize=address,undefined", "-Dfuzzers=true", *CHECKED],
}


class Builds:
    def __init__(self, results):
        self.results = results
        self.broken = set()  # (directory, targets) told as failed already

    def configure(self, name):
        directory = BUILD / name
        log = LOGS / f"setup-{name}.log"
        if (directory / "build.ninja").exists():  # as meson.build says now, for introspect()
            code = children.run(["ninja", "-C", str(directory), "build.ninja"], log, BUILD_SECONDS)
            return self.judge(f"configure {name}", code, log)
        compiler = {"CXX": "clang++", "CC": "clang"} if name == "fuzz" else None
        code = children.run(["meson", "setup", *SETUP[name], str(directory), str(ROOT)], log,
                            BUILD_SECONDS, compiler)
        return self.judge(f"configure {name}", code, log)

    def ninja(self, name, targets=()):
        """Builds the targets, or everything; False after having told that it failed."""
        if not self.configure(name):
            return False
        log = LOGS / f"build-{name}.log"
        code = children.run(["ninja", "-C", str(BUILD / name), *targets], log, BUILD_SECONDS)
        return self.judge(f"build {name}", code, log)

    def tools(self, name):
        """Builds what is no test: usherd, the commands, the benchmarks, the player."""
        if not self.configure(name):
            return False
        files = [pathlib.Path(target["filename"][0]).relative_to(BUILD / name)
                 for target in self.introspect(name, "--targets")]
        return self.ninja(name, [str(file) for file in files if file.parts[0] == "tools"])

    def judge(self, what, code, log):
        if code == 0:
            return True
        if what not in self.broken:
            self.results.fails(what, [f"the whole log is {log}", *_tail(log)])
        self.broken.add(what)
        return False

    @staticmethod
    def introspect(name, what):
        text = subprocess.run(["meson", "introspect", what, str(BUILD / name)], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        return json.loads(text)

    def programs(self, name, ending):
        """Executables whose name ends so: {name: path}."""
        found = {}
        for target in self.introspect(name, "--targets"):
            if target["type"] == "executable" and target["name"].endswith(ending):
                found[target["name"]] = pathlib.Path(target["filename"][0])
        return dict(sorted(found.items()))

    def scripts(self, name):
        """meson's tests that are no GoogleTest program of ours: {name: command}. Programs of the
        build are named in the command as ninja's targets."""
        prefix = str(BUILD / name) + "/"
        return {test["name"]: [word.removeprefix(prefix) for word in test["cmd"]]
                for test in self.introspect(name, "--tests")
                if not test["cmd"][0].endswith(("_test", "_race"))}


def _tail(log):
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [line for line in lines if "error:" in line or "FAILED:" in line]
    return [*errors[:10], *lines[-10:]]
