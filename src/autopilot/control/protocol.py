"""The wire contract between the daemon and its clients: HTTP/1.1 with JSON over a Unix socket."""

from __future__ import annotations

API = "/api/autopilot"
HEALTH = "/health"
"""Whether a daemon is there."""

EVENTS = f"{API}/events"
"""Events as they happen: an answer without an end."""

RISK_REDUCING = frozenset(f"{API}/{name}" for name in ("pause", "panic", "stop", "exit"))
"""The commands for which the daemon always has a place, whatever other clients do."""

BODY_MAX_BYTES = 64 * 1024
"""The largest request body that the daemon reads."""

LIST_LIMIT_MAX = 1_000
"""How many items a list has at most."""

WIRE_NAMES = {"since_ms": "since", "open_only": "open", "model_id": "id"}
"""Parameters of queries that the address spells otherwise than the code."""

KEEP_ALIVE_S = 15.0
"""A silent event stream carries a comment this often, so that both sides notice when the other is gone."""
