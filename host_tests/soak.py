"""Whether these tests run as a part of `make soak`, where time is no matter."""

import os

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
