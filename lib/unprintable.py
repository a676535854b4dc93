# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the C++ header of the characters that Python does not call printable, for names.cc.

Which those are depends on the version of Unicode; with a table of the interpreter that runs the blocks
C++ and Python agree on every name.
"""

import sys

ranges = []
for code in range(sys.maxunicode + 1):
    if not chr(code).isprintable():
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])

print("// Made by lib/unprintable.py: first and last character of each range.")
print("constexpr char32_t UNPRINTABLE[][2] = {")
for first, last in ranges:
    print(f"    {{ {first:#x}, {last:#x} }},")
print("};")
