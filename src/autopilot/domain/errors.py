"""Every error that Autopilot raises on purpose, in one tree. The kind of an error gives its HTTP status and exit
code.

AutopilotError                  failed, unless another kind stands beside it
├── ConfigError                 usage: the configuration is wrong
├── CandleError                 candle data that no market can have produced
├── StrategyError               a strategy broke its contract
│   └── UnknownStrategy         unknown: there is none of that name
├── NotFound                    not found: nothing of that name is stored here
├── VaultLocked                 safety: the exchange keys cannot be opened
├── ModelError                  blocked: the learned model cannot be used; rules decide instead
│   ├── NoModel                 no model was trained on such candles
│   ├── ModelDamaged            its files or its entry were altered, or its reader died
│   └── ModelUnread             this installation has never read it, and is doing so
├── IllegalOrderStep            an order cannot take this step of its life              (domain.order)
├── StoreError                  the database
│   ├── StoreCorrupt            damaged, or not a database of ours
│   ├── StoreTooNew             written by a newer Autopilot
│   └── StoreUnavailable        unavailable: read-only, no permission
│       ├── StoreFull           the disk takes no more
│       └── StoreLocked         another program holds the database
├── ExchangeError               the market
│   ├── UnknownExchange         unknown  ╮
│   ├── UnknownSymbol           unknown  │ asking again will not help
│   ├── UnknownTimeframe        usage    ╯
│   ├── MarketGone              blocked: something is held or ordered where there is no market any more
│   ├── MarketUnavailable       unavailable: unreachable, rate limited, in maintenance; asking later may help
│   │   └── KeyShared           another program uses the API key, or another daemon
│   ├── MarketEnded             blocked: stored candles are used up
│   ├── HistoryUnavailable      blocked: the exchange does not give these past candles this way
│   ├── OrderRejected           the exchange's own, definite refusal: the order does not exist
│   └── AnswerLost              sent, but no usable answer: the order may or may not exist
├── ControlError                between a client and the daemon                         (control.errors)
│   ├── DaemonNotRunning        not running: no daemon is listening
│   ├── DaemonUnreachable       unreachable: a daemon may be listening, but gives no usable answer
│   │   └── SocketForbidden     its socket belongs to another user
│   ├── CommandRefused          the daemon's refusal, of the kind that the daemon says
│   ├── RequestInvalid          usage: the request is malformed
│   ├── SafetyRefused           safety: a safety rule forbids it
│   │   └── KeysLocked          the daemon was started without the passphrase
│   ├── Conflict                conflict: not in this state
│   │   └── ExitDenied          our own checks deny a sale, by the code of the check
│   └── SocketUnusable          the socket cannot be made, or is taken
├── AlreadyRunning              blocked: another daemon owns the data directory         (adapters.lock)
├── TrainingRuns                blocked: another training owns the data directory       (app.training.process)
├── TrainingDied                the process of a training ended without a word          (app.training.process)
├── ReportMisfit                two parts of a report do not fit together               (report.content)
├── StartFailed                 the daemon did not come up                              (daemon.spawn)
├── UsageProblem                usage: options or arguments that make no sense          (cli.errors)
├── QueryInvalid                usage: an SQL query that cannot be answered             (adapters.store.views.sql)
├── NothingDecided              not found: there is no decision to explain yet          (cli.errors)
├── TrainingFailed              a training did not come to its end                      (cli.errors)
└── DemoFailed                  a step of the demo failed                               (cli.demo.run)
"""

from __future__ import annotations

from autopilot.domain.named_strings import NamedStrings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autopilot.domain.document_types import ErrorBodyDocument


class Kind(NamedStrings):
    """The meaning of an error for programs."""

    FAILED = "failed"
    """It was tried, and failed."""
    USAGE = "usage"
    """The command, the request or the configuration is wrong."""
    UNKNOWN = "unknown"
    """It names an exchange, a symbol or a strategy that does not exist."""
    NOT_FOUND = "not_found"
    SAFETY = "safety"
    """Refused because it could cost real money."""
    CONFLICT = "conflict"
    """The daemon is in a state in which this cannot be done."""
    BLOCKED = "blocked"
    """Something that it needs cannot be used, or is in use."""
    UNAVAILABLE = "unavailable"
    """A later attempt may succeed."""
    NOT_RUNNING = "not_running"
    UNREACHABLE = "unreachable"


class AutopilotError(Exception):
    """Base of all expected errors. ``str(error)`` says what is wrong and where; ``hint`` says what to try."""

    kind: Kind = Kind.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def code(self) -> str:
        """UnknownSymbol → UNKNOWN_SYMBOL."""
        name = type(self).__name__
        return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).removeprefix("_").upper()

    def document(self) -> ErrorBodyDocument:
        """The one shape of an error in JSON."""
        return {"code": self.code, "kind": str(self.kind), "message": str(self), "hint": self.hint}


class ConfigError(AutopilotError):
    """The configuration is wrong; the message lists every problem found."""

    kind = Kind.USAGE


class CandleError(AutopilotError):
    """Candles that are unsorted, duplicated, not finite, negative, or have high below low."""


class StrategyError(AutopilotError):
    """A strategy broke its contract; it has no opinion in this cycle."""


class UnknownStrategy(StrategyError):
    """No strategy of that name."""

    kind = Kind.UNKNOWN


class NotFound(AutopilotError):
    """There is no decision, symbol, model or task of that name."""

    kind = Kind.NOT_FOUND


class VaultLocked(AutopilotError):
    """The passphrase of the exchange keys is wrong or not given."""

    kind = Kind.SAFETY


class ModelError(AutopilotError):
    """The learned model is missing, unreadable or gave unusable numbers."""

    kind = Kind.BLOCKED


class NoModel(ModelError):
    """There is no champion for these candles."""


class ModelDamaged(ModelError):
    """The model's files are missing or altered, its entry differs from the audit log, or its reader died."""


class ModelUnread(ModelError):
    """This installation has never read the model; a process of its own is doing so."""


class StoreError(AutopilotError):
    """The database failed."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not one of our databases."""


class StoreTooNew(StoreError):
    """The database was written by a newer version of Autopilot."""


class StoreUnavailable(StoreError):
    """The database is locked, read-only, out of space or not permitted."""

    kind = Kind.UNAVAILABLE


class StoreFull(StoreUnavailable):
    """The disk takes no more: it is full, or its user is over a quota."""


class StoreLocked(StoreUnavailable):
    """Another program holds the database."""


class ExchangeError(AutopilotError):
    """Something between us and the market."""


class UnknownExchange(ExchangeError):
    """No exchange of that name."""

    kind = Kind.UNKNOWN


class UnknownSymbol(ExchangeError):
    """The exchange has no such market."""

    kind = Kind.UNKNOWN


class MarketGone(ExchangeError):
    """The exchange has no such market any more, and something is held or ordered there."""

    kind = Kind.BLOCKED


class UnknownTimeframe(ExchangeError):
    """The timeframe is not one of ours, or the exchange does not offer it."""

    kind = Kind.USAGE


class MarketUnavailable(ExchangeError):
    """The exchange did not answer usefully; a later attempt may succeed. ``retry_after_s``: in how many seconds, if the
    exchange wants no requests until then."""

    kind = Kind.UNAVAILABLE

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class KeyShared(MarketUnavailable):
    """The exchange refused a request, and the same again, because it has seen a later one of the same API key."""


class HistoryUnavailable(ExchangeError):
    """The exchange does not give these past candles, or not this way; asking again will not help."""

    kind = Kind.BLOCKED


class MarketEnded(ExchangeError):
    """A stored market has no more candles."""

    kind = Kind.BLOCKED


class OrderRejected(ExchangeError):
    """The exchange refused the order in its own words; no order exists."""


class AnswerLost(ExchangeError):
    """The request went out and no usable answer came back; the order may or may not exist."""
