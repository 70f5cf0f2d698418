#!/usr/bin/env bash
# pytest-xdist 3.8.0 under pytest 9.2.0: `--dist loadgroup` no longer keeps the tests of one `xdist_group` on one
# worker. xdist marks the group by changing each test's node id during collection; pytest 9.2 ignores the change. Tests
# that share something expensive through a module fixture, or must not run beside each other, are spread silently.
#
# Expected: all 12 tests of the group on one worker. Seen on 2026-11-30, Python 3.11, Linux: 2 workers; with pytest
# 9.0.3 it is 1. The script fails when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/test_group.py" <<'TEST'
import os
from pathlib import Path

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(12))
def test_one_group(number):
    Path(os.environ["SEEN"], os.environ["PYTEST_XDIST_WORKER"]).touch()
TEST
python3 -m venv "$folder/env"
workers_with() {
    "$folder/env/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    mkdir "$folder/seen-$1"
    (cd "$folder" && SEEN="$folder/seen-$1" env/bin/pytest -q -n 2 --dist loadgroup test_group.py >/dev/null)
    find "$folder/seen-$1" -type f | wc -l
}
before=$(workers_with 9.0.3)
now=$(workers_with 9.2.0)
echo "workers for one group: pytest 9.0.3: $before, pytest 9.2.0: $now"
test "$before" = 1 && test "$now" = 2
