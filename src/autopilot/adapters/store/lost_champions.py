"""The armed accounts whose champion lost its place: they buy nothing until there is another one."""

from __future__ import annotations

from collections.abc import Callable

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Arming
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import LostPlace, ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import CHAMPION_LOST, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource

_TIMEFRAMES = "SELECT DISTINCT timeframe FROM autopilots WHERE account = ? ORDER BY timeframe"


class LostChampions(RestrictionSource):
    """Restricts a live account that was armed before the champion of its candles lost its place. It ends with a
    champion that may decide about real money there, or when the user arms the account again. ``now_ms``: the machine's
    time; ``allows_unproven``: whether the configuration lets real money follow an unproven model."""

    def __init__(
        self,
        database: Database,
        armings: SqliteArmings,
        now_ms: Callable[[], int],
        *,
        allows_unproven: bool,
    ) -> None:
        self._database = database
        self._models = SqliteModels(database)
        self._places = SqliteLostPlaces(database)
        self._armings = armings
        self._now_ms = now_ms
        self._allows_unproven = allows_unproven

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        if not is_live(account):
            return ()
        places = self._places.every()
        arming = self._armings.holding(account, self._now_ms()) if places else None
        if arming is None:
            return ()
        traded = [Timeframe(row["timeframe"]) for row in self._database.rows(_TIMEFRAMES, (account,))]
        return tuple(
            _restriction(account, place, lacking)
            for place in places
            if place.at_ms >= arming.armed_at_ms and (lacking := self._lacking(place, traded, arming))
        )[:1]

    def _lacking(self, place: LostPlace, traded: list[Timeframe], arming: Arming) -> ModelScope | None:
        """The real candles of this place that have no champion for real money; None if each has one."""
        if place.kind is CandleKind.SIMULATED:
            return None
        lost = [place.timeframe] if place.timeframe else traded or [Timeframe.H1]
        scopes = [ModelScope(CandleKind.REAL, each) for each in lost if each in traded or not traded]
        return next((scope for scope in scopes if not self._may_trade(scope, arming)), None)

    def _may_trade(self, scope: ModelScope, arming: Arming) -> bool:
        champion = self._models.champion(scope)
        if champion is None or champion.state is ModelState.ABSTAINING:
            return False
        return champion.state is ModelState.LIVE or (arming.unproven and self._allows_unproven)


def _restriction(account: str, place: LostPlace, lacking: ModelScope) -> Restriction:
    exchange = exchange_of(account)
    return Restriction(
        CHAMPION_LOST,
        TradingMode.REDUCING,
        f"model {place.model_id} no longer decides about {lacking}: {place.why}",
        place.at_ms,
        f"autopilot retrain --exchange {exchange} --timeframe {lacking.timeframe} trains another; "
        f"autopilot arm --exchange {exchange} --max-value AMOUNT authorizes trading again",
    )
