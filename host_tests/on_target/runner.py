"""Runs inside MicroPython: every test_ function of the modules named on the command line.

usage: micropython runner.py FOLDER... -- MODULE...
"""

import sys


def main(arguments):
    at = arguments.index("--")
    sys.path[:] = arguments[:at] + [".frozen"]
    passed = failed = 0
    for name in arguments[at + 1 :]:
        module = __import__(name)
        for key in sorted(dir(module)):
            if not key.startswith("test_"):
                continue
            try:
                getattr(module, key)()
                passed += 1
            except Exception as error:
                failed += 1
                print("FAILED", name, key)
                sys.print_exception(error)
    print(passed, "passed,", failed, "failed")
    return 1 if failed or not passed else 0


sys.exit(main(sys.argv[1:]))
