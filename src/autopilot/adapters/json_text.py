"""JSON that others wrote, and that may be anything."""

from __future__ import annotations

import json
from typing import Any


def json_object(text: str | bytes | None) -> dict[str, Any]:
    """The JSON object in ``text``; empty if it holds anything else."""
    found = parsed_json(text)
    return found if isinstance(found, dict) else {}


def parsed_json(text: str | bytes | None) -> Any:
    """The JSON value in ``text``; None if it is not JSON."""
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return None
