"""Starting, stopping and exiting symbols for the daemon's clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from autopilot.adapters.exchange.ccxt_import import require_exchange
from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.views.holdings import Holding
from autopilot.app.trading.modes import results_document
from autopilot.config.schema import AutopilotConfig
from autopilot.control.errors import Conflict, ExitDenied, SafetyRefused
from autopilot.control.requests import ExitRequest, StartRequest, StopRequest
from autopilot.daemon.autopilots import Autopilots, Running
from autopilot.daemon.start_plan import Change, Planned, Reason, StartPlan, known_symbols
from autopilot.domain.account import is_live
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import AutopilotError, NotFound
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import utc_text
from autopilot.engine.account_result import TRY_AGAIN, AccountResult, Remainder
from autopilot.engine.settings import AutopilotSettings
from autopilot.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Started:
    """The result of a start. ``launched``: symbols that it started; ``running``: those of the plan that ran already and
    are as they were; ``taken_up``: why those of ``launched`` that ran before or are held were taken up."""

    launched: list[str]
    running: list[str]
    taken_up: dict[str, tuple[Reason, ...]]
    changes: list[Change]
    left_out: dict[str, AutopilotError]


@dataclass(slots=True)
class Stopped:
    """The result of a stop. ``sold``: symbols whose position was sold; ``dust``: those of which less is left than the
    market allows to sell; ``left``: why other symbols still run."""

    symbols: list[str] = field(default_factory=list)
    sold: list[str] = field(default_factory=list)
    dust: list[str] = field(default_factory=list)
    left: list[Remainder] = field(default_factory=list)


class SymbolControl:
    """Which symbols run, and what becomes of them when the daemon ends. One command at a time.

    ``holdings`` reads the positions and the live orders of all accounts.
    """

    def __init__(
        self,
        config: AutopilotConfig,
        store: SqliteAutopilots,
        autopilots: Autopilots,
        armings: SqliteArmings,
        holdings: Callable[[], Sequence[Holding]],
        clock: Clock,
    ) -> None:
        self._config = config
        self._store = store
        self._autopilots = autopilots
        self._armings = armings
        self._holdings = holdings
        self._clock = clock
        self._turn = asyncio.Lock()

    def resume(self) -> None:
        """Start the symbols that ran when the last daemon ended, unless a user stopped them."""
        entries = [entry for entry in self._store.load_autopilots() if entry.running]
        self._autopilots.resume([self._stored_settings(entry) for entry in entries])

    async def start(self, request: StartRequest) -> Started:
        """Start those of the request or, without symbols, those that ran before or are held, or the configured ones.

        Raises SafetyRefused where an option would leave a position alone and for real money that is not armed, and as
        `Autopilots.start` does; then nothing has changed. A symbol that is taken up as it was does not fail: see
        `Autopilots.left_out`.
        """
        if request.exchange is not None:
            require_exchange(request.exchange)
        async with self._turn:
            wanted = {each.settings.symbol: each.settings for each in self._plan(request)}
            changing = [
                each
                for each in self._autopilots
                if wanted.get(each.autopilot.symbol) not in (None, each.autopilot.settings)
            ]
            try:
                await asyncio.gather(*(running.pause() for running in changing))
                # Planned once more, because their last cycles may have traded.
                return await self._carry_out(request, self._plan(request))
            except BaseException:
                for running in changing:
                    if self._autopilots.find(running.autopilot.symbol) is running:
                        running.go_on()
                raise

    def _plan(self, request: StartRequest) -> list[Planned]:
        running = [each.autopilot.settings for each in self._autopilots]
        known = known_symbols(running, self._store.load_autopilots(), self._holdings())
        return StartPlan(self._config, request, known).planned()

    async def _carry_out(self, request: StartRequest, plan: Sequence[Planned]) -> Started:
        running = {each.autopilot.symbol for each in self._autopilots}
        as_before = [each for each in plan if request.symbols is None and each.reasons and not each.changes]
        others = [each.settings for each in plan if each not in as_before]
        holdings = self._holdings()
        for settings in others:
            self._require_arming(settings, holdings)
        started = await self._autopilots.start(others)
        taken_up = [each.settings for each in as_before if each.settings.symbol not in running]
        await self._autopilots.take_up(taken_up)
        self._save([*(each.autopilot.settings for each in started), *taken_up])
        await self._autopilots.wait_for_cycles([each.settings.symbol for each in plan])
        return self._started(plan, running, {each.autopilot.symbol for each in started})

    def _started(self, plan: Sequence[Planned], before: Collection[str], restarted: Collection[str]) -> Started:
        planned = {each.settings.symbol: each for each in plan}
        left_out = {symbol: why for symbol in planned if (why := self._autopilots.left_out(symbol))}
        running = [symbol for symbol in planned if symbol in before and symbol not in restarted]
        launched = [symbol for symbol in planned if symbol not in running and symbol not in left_out]
        return Started(
            launched,
            running,
            {
                symbol: planned[symbol].reasons
                for symbol in launched
                if symbol not in before and planned[symbol].reasons
            },
            [change for symbol in launched for change in planned[symbol].changes],
            left_out,
        )

    async def stop(self, request: StopRequest) -> Stopped:
        """Stop one symbol, or all of them. With ``flatten`` its position is sold first; a symbol whose sale is not
        complete runs on. Raises NotFound if the symbol does not run."""
        async with self._turn:
            if request.symbol is not None and (why := self._autopilots.left_out(request.symbol)):
                if request.flatten:
                    raise why
                self._store.save_stopped(request.symbol)
                self._autopilots.forget(request.symbol)
                return Stopped([request.symbol])
            done = Stopped()
            chosen = self._chosen(request.symbol)
            if request.flatten:
                chosen = [running for running in chosen if await self._sold(running, done)]
            done.symbols = [running.autopilot.symbol for running in chosen]
            await asyncio.gather(*(self._autopilots.stop(symbol) for symbol in done.symbols))
            if request.symbol is None and not done.left:
                self._store.suspend()
            else:
                for symbol in done.symbols:
                    self._store.save_stopped(symbol)
            return done

    async def exit(self, request: ExitRequest) -> Document:
        """Sell a symbol's position, or a part of it, and cancel its open orders; a symbol that runs runs on.

        Raises NotFound if nothing is held, Conflict if several accounts hold it, ExitDenied by the code of the failed
        check, and as opening an account does.
        """
        account = self._account_to_exit(request)
        result = await self._autopilots.open_account(account).exit(request.symbol, request.quantity)
        if result.denied:
            raise ExitDenied(
                f"{request.symbol} in {account}: {result.denied.detail}; nothing was sold",
                hint=f"autopilot positions shows what is held; autopilot exit {request.symbol} sells all of it",
                code=result.denied.code,
            )
        return {
            "symbol": request.symbol,
            "sold": document(result.sold),
            "position": document(result.position),
            "running": self._runs_in(account, request.symbol),
            **results_document([result.outcome]),
        }

    def _account_to_exit(self, request: ExitRequest) -> str:
        held = [each.account for each in self._holdings() if each.symbol == request.symbol]
        if request.account is not None:
            held = [account for account in held if account == request.account]
        if not held:
            where = f" in {request.account}" if request.account else ""
            raise NotFound(f"{request.symbol} has no position and no open order{where}", hint="autopilot positions")
        if len(held) > 1:
            raise Conflict(
                f"{request.symbol} is held in {' and in '.join(held)}",
                hint=f"choose one: autopilot exit {request.symbol} --account {held[0]}",
            )
        return held[0]

    def _runs_in(self, account: str, symbol: str) -> bool:
        running = self._autopilots.find(symbol)
        return running is not None and running.venue.account == account

    async def _sold(self, running: Running, done: Stopped) -> bool:
        """Whether nothing is left to sell and no order of the symbol is open; then no cycle begins any more."""
        symbol = running.autopilot.symbol
        await running.pause()
        try:
            outcome = await running.venue.liquidation.flatten("not sent: stopped by the user", symbol)
        except AutopilotError as error:
            outcome = AccountResult(
                running.venue.account, left=[Remainder(symbol, str(error), error.hint or TRY_AGAIN)]
            )
        done.sold += outcome.sold
        done.dust += outcome.dust
        done.left += [replace(each, symbol=symbol) for each in outcome.left]
        if outcome.left:
            running.go_on()
        return not outcome.left

    def _chosen(self, symbol: str | None) -> Sequence[Running]:
        if symbol is None:
            return tuple(self._autopilots)
        running = self._autopilots.find(symbol)
        if running is None:
            raise NotFound(
                f"{symbol} is not running",
                hint=f"autopilot status shows the symbols that run; autopilot exit {symbol} sells its position",
            )
        return (running,)

    def _require_arming(self, settings: AutopilotSettings, holdings: Sequence[Holding]) -> None:
        """Raises SafetyRefused if the account is live and not armed, unless it holds the symbol: every position is
        monitored. Raises ConfigError where real money cannot be traded."""
        account = settings.account
        if not is_live(account):
            return
        venue_rules(settings.exchange)
        if self._armings.holding(account, self._clock.now_ms()):
            return
        if any((each.account, each.symbol) == (account, settings.symbol) for each in holdings):
            return
        arming = self._armings.of(account)
        why = f"its arming ended at {utc_text(arming.expires_at_ms)}" if arming else "it is not armed"
        raise SafetyRefused(
            f"cannot trade real money on {settings.exchange}: {why}; nothing was started",
            hint=f"autopilot arm --exchange {settings.exchange} --max-value AMOUNT, or start with --paper",
        )

    def _stored_settings(self, entry: AutopilotEntry) -> AutopilotSettings:
        return self._config.trading(
            entry.symbol,
            exchange=entry.exchange,
            timeframe=entry.timeframe,
            interval_s=entry.interval_s,
            paper_trading=entry.paper_trading,
            auto_execute=entry.auto_execute,
        )

    def _save(self, started: Sequence[AutopilotSettings]) -> None:
        now_ms = self._clock.now_ms()
        entries = (
            AutopilotEntry(
                symbol=settings.symbol,
                exchange=settings.exchange,
                market=MarketKind.of(settings.exchange),
                account=settings.account,
                timeframe=settings.timeframe,
                interval_s=settings.interval_s,
                paper_trading=settings.paper_trading,
                auto_execute=settings.evaluation.auto_execute,
                running=True,
                started_at_ms=now_ms,
            )
            for settings in started
        )
        self._store.save_autopilot(*entries)
