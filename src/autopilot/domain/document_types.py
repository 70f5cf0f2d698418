"""What JSON documents look like to the screens that read them. Standard library only."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
"""A JSON object."""
