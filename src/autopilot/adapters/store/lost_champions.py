"""The armed accounts whose champion lost its place or is damaged: they buy nothing until there is another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Arming
from autopilot.domain.errors import ModelDamaged, ModelUnread
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import LostPlace, ModelScope, ModelState
from autopilot.domain.timeframe import Timeframe
from autopilot.domain.trading_mode import CHAMPION_LOST, MODEL_UNREAD, Restriction, TradingMode
from autopilot.ports.restrictions import RestrictionSource

_TIMEFRAMES = "SELECT DISTINCT timeframe FROM autopilots WHERE account = ? ORDER BY timeframe"


class LostChampions(RestrictionSource):
    """Restricts an armed account while the champion of its candles is damaged or not read yet. Also restricts one that
    was armed before that champion lost its place: until another champion may decide about real money there, or until
    the user arms the account again.

    ``now_ms``: the machine's time; ``damage`` says why the champion of a scope cannot be trusted, None if it can;
    ``allows_unproven``: whether the configuration lets real money follow an unproven model.
    """

    def __init__(
        self,
        database: Database,
        armings: SqliteArmings,
        now_ms: Callable[[], int],
        damage: Callable[[ModelScope], ModelDamaged | ModelUnread | None],
        *,
        allows_unproven: bool,
    ) -> None:
        self._database = database
        self._models = SqliteModels(database)
        self._places = SqliteLostPlaces(database)
        self._armings = armings
        self._now_ms = now_ms
        self._damage = damage
        self._allows_unproven = allows_unproven

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        if not is_live(account):
            return ()
        arming = self._armings.holding(account, self._now_ms())
        if arming is None:
            return ()
        traded = [Timeframe(row["timeframe"]) for row in self._database.rows(_TIMEFRAMES, (account,))]
        lost = (
            _lost(account, place, lacking)
            for place in self._places.every()
            if place.at_ms >= arming.armed_at_ms and (lacking := self._lacking(place, traded, arming))
        )
        return (*self._damaged(account, traded), *lost)[:1]

    def _damaged(self, account: str, traded: list[Timeframe]) -> Iterator[Restriction]:
        """Before a symbol of the account has run, any timeframe may be its own."""
        for timeframe in traded or Timeframe:
            match self._damage(ModelScope(CandleKind.REAL, timeframe)):
                case ModelUnread() as unread:
                    yield Restriction(MODEL_UNREAD, TradingMode.REDUCING, str(unread), 0, unread.hint)
                case ModelDamaged() as damage:
                    hint = f"{_retrain(account, timeframe)}; autopilot models rollback returns to the one before"
                    yield Restriction(CHAMPION_LOST, TradingMode.REDUCING, str(damage), 0, hint)

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


def _lost(account: str, place: LostPlace, lacking: ModelScope) -> Restriction:
    return Restriction(
        CHAMPION_LOST,
        TradingMode.REDUCING,
        f"model {place.model_id} no longer decides about {lacking}: {place.why}",
        place.at_ms,
        f"{_retrain(account, lacking.timeframe)}; "
        f"autopilot arm --exchange {exchange_of(account)} --max-value AMOUNT authorizes trading again",
    )


def _retrain(account: str, timeframe: Timeframe) -> str:
    return f"autopilot retrain --exchange {exchange_of(account)} --timeframe {timeframe} trains another"
