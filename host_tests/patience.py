"""How long a test waits for what it knows will come: a last resort against hanging, no measure.

Hundred times and more what a quiet machine needs, so that a busy one breaks no test.
"""

PATIENCE_S = 900.0
