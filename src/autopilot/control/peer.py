"""Who is at the other end of the control socket."""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """The process at the other end of a connection, and its user."""

    pid: int
    uid: int

    def __str__(self) -> str:
        return f"uid {self.uid} pid {self.pid}"
