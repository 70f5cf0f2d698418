#!/usr/bin/env bash
# The first call of numpy.quantile imports all of numpy.ma.
#
# numpy.quantile compares the axes it is given by numpy.unique, which asks for masked arrays. So a
# short program that needs one quantile spends as long on that import as on the rest of its figures.
# Seen with NumPy 2.4.6 and Python 3.11: the call adds numpy.ma and numpy.ma.core to the loaded
# modules; importing numpy alone, or numpy.sort, does not.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/environment"
"$directory/environment/bin/python" -m pip install --quiet --disable-pip-version-check 'numpy==2.4.6'
"$directory/environment/bin/python" - <<'PYTHON'
import sys

import numpy as np

np.sort(np.array([2.0, 1.0]))
before = "numpy.ma" in sys.modules
np.quantile(np.array([1.0, 2.0]), [0.5])
after = "numpy.ma" in sys.modules
print(f"numpy {np.__version__}: numpy.ma loaded before {before}, after {after}")
sys.exit((before, after) != (False, True))
PYTHON
