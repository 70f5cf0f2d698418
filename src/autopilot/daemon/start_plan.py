"""Which symbols `autopilot start` runs, and with which settings. Pure: it reads nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from autopilot.adapters.store.autopilots import AutopilotEntry
from autopilot.adapters.store.views.holdings import Holding
from autopilot.config.schema import SHORTEST_INTERVAL_S, AutopilotConfig
from autopilot.control.errors import SafetyRefused
from autopilot.control.requests import StartRequest
from autopilot.domain.account import account_name, exchange_of, is_live
from autopilot.domain.errors import ConfigError
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.settings import AutopilotSettings


class Reason(StrEnum):
    """Why a symbol is taken up."""

    RAN = "ran_before"
    POSITION = "holds_position"
    ORDER = "has_live_order"


class Choice(NamedTuple):
    """The settings that `autopilot start` can change."""

    exchange: str
    timeframe: Timeframe
    interval_s: float
    paper_trading: bool
    auto_execute: bool

    @property
    def account(self) -> str:
        return account_name(self.exchange, paper=self.paper_trading)

    def words(self) -> dict[str, str]:
        """Each setting as people read it."""
        return {
            "exchange": self.exchange,
            "timeframe": self.timeframe.value,
            "interval": f"{self.interval_s:g} s",
            "money": "paper money" if self.paper_trading else "real money",
            "auto-execute": "on" if self.auto_execute else "off",
        }


class Change(NamedTuple):
    """A setting that the options change."""

    symbol: str
    setting: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Known:
    """A symbol as the daemon knows it: its settings if it runs, its stored entry, and its holding in each account."""

    running: AutopilotSettings | None = None
    entry: AutopilotEntry | None = None
    holdings: tuple[Holding, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is to be taken up; empty if it is not."""
        ran = self.running is not None or (self.entry is not None and self.entry.ran_last)
        reasons = {
            Reason.RAN: ran,
            Reason.POSITION: any(each.quantity is not None for each in self.holdings),
            Reason.ORDER: any(each.orders for each in self.holdings),
        }
        return tuple(reason for reason, holds in reasons.items() if holds)

    @property
    def accounts(self) -> dict[str, Holding]:
        return {each.account: each for each in self.holdings}


@dataclass(frozen=True, slots=True)
class Planned:
    """A symbol to run. ``reasons``: why it is taken up; ``changes``: in what it will differ from how it runs or ran."""

    settings: AutopilotSettings
    reasons: tuple[Reason, ...]
    changes: tuple[Change, ...]


class StartPlan:
    """Chooses for one request. ``known``: every symbol of which something is known."""

    def __init__(self, config: AutopilotConfig, request: StartRequest, known: Mapping[str, Known]) -> None:
        self._config = config
        self._request = request
        self._known = known

    def symbols(self) -> tuple[str, ...]:
        """Those of the request; without any those that ran or are held, else the configured ones."""
        taken_up = tuple(symbol for symbol, known in self._known.items() if known.reasons)
        return self._request.symbols or taken_up or self._config.symbols

    def planned(self) -> list[Planned]:
        """Raises SafetyRefused where an option would leave a position or a live order alone, ConfigError."""
        chosen = [self._plan(symbol, self._known.get(symbol, Known())) for symbol in self.symbols()]
        refusals = [each for each in chosen if isinstance(each, SafetyRefused)]
        if refusals:
            raise SafetyRefused("; ".join(map(str, refusals)), hint=refusals[0].hint)
        planned = [each for each in chosen if isinstance(each, Planned)]
        for each in planned:
            _require_interval(each.settings)
        return planned

    def _plan(self, symbol: str, known: Known) -> Planned | SafetyRefused:
        before = self._before(known)
        present = before
        target = account_name(self._request.exchange or before.exchange, paper=self._paper(before))
        if target != before.account and target in known.accounts:
            present = self._in_account(known, target)
        wanted = self._with_options(present)
        if wanted.account not in self._possible_accounts(known, before):
            return _refusal(symbol, known, before, self._with_options(before))
        if wanted.account in known.accounts and wanted.timeframe is not present.timeframe:
            return _refusal(symbol, known, present, wanted)
        settings = self._config.trading(symbol, **wanted._asdict())
        return Planned(settings, known.reasons, _changes(symbol, before, wanted) if known.reasons else ())

    def _before(self, known: Known) -> Choice:
        """The settings without any option: as it runs, where it is held, as it ran, as configured."""
        if known.running:
            return _of_settings(known.running)
        if known.holdings:
            stored = known.entry.account if known.entry else ""
            return self._in_account(known, stored if stored in known.accounts else known.holdings[0].account)
        return _of_entry(known.entry) if known.entry and known.entry.ran_last else self._configured()

    def _in_account(self, known: Known, account: str) -> Choice:
        """The settings to go on with in an account that holds the symbol."""
        if known.entry and known.entry.account == account:
            return _of_entry(known.entry)
        return self._configured()._replace(
            exchange=exchange_of(account),
            interval_s=max(self._config.interval, _shortest_interval_s(exchange_of(account))),
            paper_trading=not is_live(account),
            timeframe=known.accounts[account].timeframe or self._config.timeframe,
        )

    def _configured(self) -> Choice:
        config = self._config
        return Choice(config.exchange, config.timeframe, config.interval, config.paper_trading, config.auto_execute)

    def _with_options(self, present: Choice) -> Choice:
        request = self._request
        return Choice(
            exchange=request.exchange or present.exchange,
            timeframe=request.timeframe or present.timeframe,
            interval_s=request.interval or present.interval_s,
            paper_trading=self._paper(present),
            auto_execute=present.auto_execute if request.auto_execute is None else request.auto_execute,
        )

    def _paper(self, present: Choice) -> bool:
        return present.paper_trading if self._request.paper_trading is None else self._request.paper_trading

    def _possible_accounts(self, known: Known, before: Choice) -> set[str]:
        """Those in which the symbol may run and leave no position and no order that is monitored now, or could be."""
        if not known.holdings:
            return {self._with_options(before).account}
        if known.running and known.running.account in known.accounts:
            return {known.running.account}
        return {*known.accounts, *([known.running.account] if known.running else [])}


def known_symbols(
    running: Sequence[AutopilotSettings], entries: Sequence[AutopilotEntry], held: Sequence[Holding]
) -> dict[str, Known]:
    """By symbol: those with an entry in the order they were started, then the others that are held. Dust does not
    count."""
    worth = [each for each in held if not each.is_dust]
    by_symbol = {settings.symbol: settings for settings in running}
    by_entry = {entry.symbol: entry for entry in entries}
    names = dict.fromkeys([*by_entry, *by_symbol, *(each.symbol for each in worth)])
    return {
        name: Known(by_symbol.get(name), by_entry.get(name), tuple(each for each in worth if each.symbol == name))
        for name in names
    }


def _require_interval(settings: AutopilotSettings) -> None:
    """Raises ConfigError."""
    if settings.interval_s < _shortest_interval_s(settings.exchange):
        raise ConfigError(
            f"an interval of {settings.interval_s:g} s is too short for the exchange {settings.exchange}",
            hint=f"use at least {SHORTEST_INTERVAL_S:g} second",
        )


def _shortest_interval_s(exchange: str) -> float:
    return SHORTEST_INTERVAL_S if MarketKind.of(exchange) is MarketKind.REAL else 0.0


def _of_settings(settings: AutopilotSettings) -> Choice:
    return Choice(
        settings.exchange,
        settings.timeframe,
        settings.interval_s,
        settings.paper_trading,
        settings.evaluation.auto_execute,
    )


def _of_entry(entry: AutopilotEntry) -> Choice:
    return Choice(entry.exchange, entry.timeframe, entry.interval_s, entry.paper_trading, entry.auto_execute)


def _changes(symbol: str, before: Choice, wanted: Choice) -> tuple[Change, ...]:
    old, new = before.words(), wanted.words()
    return tuple(Change(symbol, name, old[name], new[name]) for name in old if old[name] != new[name])


def _refusal(symbol: str, known: Known, before: Choice, wanted: Choice) -> SafetyRefused:
    """Both values of each setting that may not change, and the way out."""
    guarded = {"exchange": "--exchange", "timeframe": "--timeframe", "money": "--live, --paper"}
    old, new = before.words(), wanted.words()
    asked_for = [name for name in guarded if old[name] != new[name]]
    runs = "runs" if known.running else "ran"
    held = " and ".join(f"{_amount(each)} in {each.account}" for each in known.holdings)
    return SafetyRefused(
        f"{symbol} {runs} on {before.exchange} at {before.timeframe} with {old['money']} and has {held}; you asked for"
        f" {' and '.join(new[name] for name in asked_for)}, which would end its monitoring; nothing was changed",
        hint=f"start it without {', '.join(guarded[name] for name in asked_for)}, or first: autopilot exit {symbol}",
    )


def _amount(holding: Holding) -> str:
    orders = f"{len(holding.orders)} open order{'s' if len(holding.orders) > 1 else ''}"
    if holding.quantity is None:
        return orders
    return f"{holding.quantity} {holding.symbol.partition('/')[0]}"
