"""Named strings for modules that a query imports. It must answer at once, and ``enum`` would take a quarter of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import StrEnum

    NamedStrings = StrEnum
else:

    class NamedStrings(str):
        """To a type checker a StrEnum. Its members are strings of the subclass; there is no iteration and no search."""

        __slots__ = ()

        def __init_subclass__(cls) -> None:
            for name, text in tuple(vars(cls).items()):
                if name.isupper():
                    setattr(cls, name, cls(text))
