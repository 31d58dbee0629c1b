#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# embed.py INPUT OUTPUT: INPUT's bytes as the C++ array kSteerObject, carried inside the program.
import sys

data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'w') as out:
    out.write('// Made by dataplane/embed.py from the compiled dataplane/steer.bpf.c.\n')
    out.write('#pragma once\n')
    out.write('namespace usher {\nalignas(8) inline constexpr unsigned char kSteerObject[] = {\n')
    for at in range(0, len(data), 20):
        out.write(','.join(str(byte) for byte in data[at:at + 20]) + ',\n')
    out.write('};\n}  // namespace usher\n')
