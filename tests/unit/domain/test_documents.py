from __future__ import annotations

import json
import math
from decimal import Decimal

import numpy as np

from autopilot.domain.conditions import FeatureRow
from autopilot.domain.decision import Check, Denied
from autopilot.domain.documents import document
from autopilot.domain.order import Side


def test_values_become_plain_json() -> None:
    denied = Denied("X_Y", "why", (Check("X_Y", False, 1 / 3, math.nan, "%", "text"),))
    body = document({"denied": denied, "money": Decimal("1E-7"), "side": Side.BUY, "none": None, "many": (1, True)})
    assert json.loads(json.dumps(body)) == {
        "denied": {
            "code": "X_Y",
            "detail": "why",
            "checks": [
                {"code": "X_Y", "passed": False, "actual": 0.333333, "limit": None, "unit": "%", "detail": "text"}
            ],
        },
        "money": "0.0000001",
        "side": "buy",
        "none": None,
        "many": [1, True],
    }


def test_features_go_by_name() -> None:
    assert document(FeatureRow(("a", "b"), np.array([1.5, np.nan]))) == {"a": 1.5, "b": None}
