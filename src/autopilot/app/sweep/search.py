"""What a search tries next: only values that make sense, and each set of values once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Protocol

from autopilot.backtest.sweep import Parameter, Try, Values
from autopilot.distribution import install_hint
from autopilot.domain.errors import ConfigError

PROPOSALS = 200
"""The number of proposals in a row that make no sense, or were tried before, after which a search stops guessing."""
LISTED = 10_000
"""A larger number of sets of values is not listed one by one."""

Allows = Callable[[Values], bool]
"""Whether values make sense together."""


class Search(Protocol):
    """Proposes values from the results of the tries before. It sees no candle after ``until_ms``."""

    until_ms: int
    tries: list[Try]

    @property
    def limit(self) -> int:
        """The most tries that it makes."""

    def ask(self) -> Values | None:
        """The values of the next try; None when there are no more. Call `answer` before calling this again."""

    def answer(self, made: Try) -> None:
        """The result of these values."""


def searches_of(
    parameters: Sequence[Parameter], defaults: Values, allows: Allows, tries: int, seed: int, untils_ms: Sequence[int]
) -> list[Search]:
    """A search for each of these ends, of at most ``tries``: guided, or of all there is where that is no more. Raises
    ConfigError without optuna, or if no values make sense."""
    _require_optuna()
    every = _every(parameters, defaults, allows)
    if every is not None and len(every) <= tries:
        if not every:
            raise ConfigError(
                "no values in these ranges make sense together", hint="autopilot sweep --help; give wider ranges"
            )
        return [ExhaustiveSearch(each, every) for each in untils_ms]
    return [
        GuidedSearch(each, tries, parameters, defaults, allows, every or [], seed + number)
        for number, each in enumerate(untils_ms)
    ]


def _every(parameters: Sequence[Parameter], defaults: Values, allows: Allows) -> list[Values] | None:
    """All sets of values that make sense, the current ones first; None if there are too many to list."""
    if not all(each.is_whole for each in parameters):
        return None
    ranges = [range(int(each.low), int(each.high) + 1) for each in parameters]
    if prod(len(each) for each in ranges) > LISTED:
        return None
    names = [each.name for each in parameters]
    every = [dict(zip(names, values, strict=True)) for values in product(*ranges)]
    return sorted((each for each in every if allows(each)), key=lambda each: each != dict(defaults))


@dataclass(slots=True)
class ExhaustiveSearch(Search):
    """Tries all of ``every``, in this order."""

    until_ms: int
    every: Sequence[Values]
    tries: list[Try] = field(default_factory=list)

    @property
    def limit(self) -> int:
        return len(self.every)

    def ask(self) -> Values | None:
        return self.every[len(self.tries)] if len(self.tries) < len(self.every) else None

    def answer(self, made: Try) -> None:
        self.tries.append(made)


class GuidedSearch(Search):
    """An optuna study, which begins with the current values if they are within the ranges. ``every``: all sets of
    values that make sense, if they are few enough to list."""

    def __init__(
        self,
        until_ms: int,
        limit: int,
        parameters: Sequence[Parameter],
        defaults: Values,
        allows: Allows,
        every: Sequence[Values],
        seed: int,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.until_ms, self._limit = until_ms, limit
        self.tries: list[Try] = []
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        if all(each.low <= defaults[each.name] <= each.high for each in parameters):
            self._study.enqueue_trial(dict(defaults))
        self._failed = optuna.trial.TrialState.FAIL
        self._parameters, self._allows, self._every = parameters, allows, every
        self._seen: set[tuple[float, ...]] = set()
        self._trial: Any = None

    @property
    def limit(self) -> int:
        return self._limit

    def ask(self) -> Values | None:
        if len(self.tries) >= self._limit:
            return None
        for _ in range(PROPOSALS):
            values = self._proposed()
            if self._is_new(values) and self._allows(values):
                self._seen.add(tuple(values.values()))
                return values
            self._study.tell(self._trial, state=self._failed)
        rest = next(filter(self._is_new, self._every), None)
        if rest is None:
            return None
        self._study.enqueue_trial(dict(rest))
        self._seen.add(tuple(rest.values()))
        return self._proposed()

    def _is_new(self, values: Values) -> bool:
        return tuple(values.values()) not in self._seen

    def answer(self, made: Try) -> None:
        self.tries.append(made)
        if made.score is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, made.score)

    def _proposed(self) -> Values:
        self._trial = trial = self._study.ask()
        return {
            each.name: trial.suggest_int(each.name, int(each.low), int(each.high))
            if each.is_whole
            else trial.suggest_float(each.name, each.low, each.high)
            for each in self._parameters
        }


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401 - only whether it is installed
    except ImportError:
        raise ConfigError("a sweep needs optuna, which is not installed", hint=install_hint("sweep")) from None
