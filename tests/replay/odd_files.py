#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whatever is odd about a file fails that file, with a reason; the others are played."""
import json
import pathlib
import subprocess
import sys
import tempfile

PLAYER = sys.argv[1]
SCENARIO = {"setup": ["-A -t 10.9.0.1:80 -s rr"], "events": [{"op": "sleep", "s": 0}]}
ODD = {
    "not_json": "{",
    "no_object": "[]",
    "scenario_null": json.dumps({"scenario": None, "results": []}),
    "icmp_text": json.dumps({"scenario": SCENARIO, "results": [{"icmp": "port"}]}),
    "results_text": json.dumps({"scenario": SCENARIO, "results": "none"}),
    "state0_number": json.dumps({"scenario": SCENARIO, "results": [{}], "state0": 7}),
    "more_results": json.dumps({"scenario": SCENARIO, "results": [{}, {}]}),
    "no_results": json.dumps({"scenario": SCENARIO, "results": []}),
}
GOOD = {
    "alone": json.dumps(SCENARIO),
    "null_results": json.dumps({"scenario": SCENARIO, "results": None}),
    "right": json.dumps({"scenario": SCENARIO, "state0": [["TCP 10.9.0.1:80", []]],
                         "results": [{"icmp": None}]}),
}

with tempfile.TemporaryDirectory() as folder:
    paths = []
    for name, text in {**ODD, **GOOD}.items():
        paths.append(pathlib.Path(folder, name + ".json"))
        paths[-1].write_text(text)
    done = subprocess.run([PLAYER, *paths, folder + "/none.json"], capture_output=True, text=True)

print(done.stdout, done.stderr)
lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
assert done.returncode == 1, done.returncode
assert len([line for line in lines if line.startswith("FAIL ")]) == len(ODD) + 1
assert [line.split(":")[0] for line in lines[len(ODD):-2]] == [
    "PLAYED alone", "PLAYED null_results", "PASS right"]
assert lines[-1] == f"{len(GOOD)} passed, {len(ODD) + 1} failed"
