"""`leaves`: in machine code where this processor has it, else their plain twins.

The twins are loaded only where they are used: two copies would cost heap.
"""

try:
    import leaves_viper as leaves
except (ImportError, SyntaxError, ValueError):  # CPython; no native code for this processor
    from bess.port import leaves  # noqa: F401
