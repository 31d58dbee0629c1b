# SPDX-License-Identifier: BSD-3-Clause
"""What a test says that is so."""

import time


def expect(holds, sentence):
    if not holds:
        raise AssertionError(sentence)
    print(f"ok: {sentence}", flush=True)


def wait_until(holds, sentence, patience=30):
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {sentence}")
        time.sleep(0.05)
    print(f"ok: {sentence}", flush=True)
