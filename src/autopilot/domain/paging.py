"""Where a page of a list begins: standard library only, for a query must answer at once."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_FORM = re.compile(r"(?P<at_ms>[0-9]{1,15})(,(?P<row>[0-9]{1,15}))?")


class Cursor(NamedTuple):
    """A place in a list, latest first. The page from there has the items earlier than ``at_ms``, and those of that
    very time that were stored before ``row``, if a row is given."""

    at_ms: int
    row: int | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """``1705276800000,512``, as a page names the next one. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if not found:
            raise ValueError(f"{text[:40]!r} is no place in a list")
        return cls(int(found["at_ms"]), int(found["row"]) if found["row"] else None)

    def __str__(self) -> str:
        return str(self.at_ms) if self.row is None else f"{self.at_ms},{self.row}"
