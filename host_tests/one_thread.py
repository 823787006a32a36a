"""Import it before numpy: OpenBLAS's threads spin while they wait for each other.

Beside other processes that costs five times the work, and sums do not depend on how many there are.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
