"""Did you mean: the names that a mistyped one most resembles. One function for exchanges, keys, ids and commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LIKENESS = 0.6
"""How alike two names must be, from 0 to 1, as difflib measures it."""


def nearest(name: str, known: Iterable[str], most: int = 1) -> tuple[str, ...]:
    """The ``most`` names of ``known`` that resemble ``name``, whatever the case: those that begin with it first."""
    # Imported here, for a query that names nothing wrong must answer at once.
    from difflib import get_close_matches

    by_word = {word.casefold(): word for word in known}
    typed = name.casefold()
    begun = sorted((word for word in by_word if len(typed) > 1 and word.startswith(typed)), key=len)
    alike = get_close_matches(typed, by_word, n=most, cutoff=_LIKENESS)
    return tuple(by_word[word] for word in dict.fromkeys([*begun, *alike]))[:most]


def did_you_mean(name: str, known: Iterable[str], most: int = 1) -> str:
    """``did you mean "kraken"?``, or an empty text if ``known`` has nothing like ``name``."""
    return suggestion(nearest(name, known, most))


def suggestion(names: Sequence[str]) -> str:
    """The same for names that were found otherwise."""
    quoted = " or ".join(f'"{each}"' for each in names)
    return f"did you mean {quoted}?" if quoted else ""
