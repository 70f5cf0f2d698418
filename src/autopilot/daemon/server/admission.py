"""Who is served while there are many: silent clients give way, and what reduces the risk always finds a place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from autopilot.control.protocol import EVENTS, HEALTH, KEEP_ALIVE_S, RISK_REDUCING
from autopilot.daemon.server.answers import http_error

if TYPE_CHECKING:
    from autopilot.daemon.server.connection import Connection


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of one client, and of all together. ``_s``: seconds."""

    waiting: int = 256
    """Connections without a whole request, or with nothing but an answer to take: the oldest gives way to a new one."""
    queries: int = 48
    streams: int = 32
    commands: int = 8
    of_each_risk_reducing: int = 4
    """Requests under way of each such command, beside the other ``commands``."""
    request_s: float = 5.0
    """For the head of a request, and again for its body."""
    answer_s: float = 10.0
    """For the client to take an answer, or an event."""
    yields_s: float = 1.0
    """For the client to take an answer while there is no place for other requests of that kind."""
    keep_alive_s: float = KEEP_ALIVE_S
    shutdown_s: float = 2.0
    """For the requests under way when the daemon stops."""


@dataclass(slots=True)
class Admission:
    """Admits connections of the users ``uids``, and their requests, up to the limits.

    A connection has a place while its request is under way: once it has arrived whole, until the client has taken the
    answer. Before and after, it only waits.
    """

    limits: ServerLimits
    uids: Collection[int]
    _waiting: dict[Connection, None] = field(default_factory=dict)
    """The oldest first."""
    _places: dict[str, dict[Connection, None]] = field(default_factory=lambda: defaultdict(dict))
    """By the kind of request, each the oldest first."""

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._waiting) + sum(map(len, self._places.values()))

    def arrive(self, connection: Connection) -> None:
        if len(self._waiting) >= self.limits.waiting:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.give_way("it has been silent for the longest, and gave way to a new client")
        self._waiting[connection] = None

    def enter(self, connection: Connection, request: web.Request) -> None:
        """Give a whole request its place. Raises CommandRefused (503) if there is none for its kind."""
        if request.path == HEALTH:
            return
        kind, most = self._kind_of(request)
        place = self._places[kind]
        if len(place) >= most:
            slow = next((each for each in place if each.is_slow()), None)
            if slow is None:
                raise http_error(503, f"there are {most} requests of this kind already: {kind}")
            del place[slow]
            slow.give_way("")
        self._waiting.pop(connection, None)
        place[connection] = None

    def leave(self, connection: Connection) -> None:
        """The request is over. The client has some time to take the rest of its answer."""
        self.lose(connection)
        for place in self._places.values():
            place.pop(connection, None)
        if connection.transport is not None:
            self.arrive(connection)
            connection.close_in(self.limits.answer_s)

    def lose(self, connection: Connection) -> None:
        """The connection has ended. A request under way keeps its place: its work goes on."""
        self._waiting.pop(connection, None)

    def _kind_of(self, request: web.Request) -> tuple[str, int]:
        """A name for the kind of a request, and how many of it there may be."""
        if request.method == "GET":
            return ("events", self.limits.streams) if request.path == EVENTS else ("queries", self.limits.queries)
        if request.path in RISK_REDUCING:
            return request.path, self.limits.of_each_risk_reducing
        return "commands", self.limits.commands
