"""The wire contract between the daemon and its clients: HTTP/1.1 with JSON over a Unix socket."""

from __future__ import annotations

API = "/api/autopilot"
