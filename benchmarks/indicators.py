"""The yardstick of a cycle: 36 usual indicators over 500 candles, on arrays."""

from __future__ import annotations

from collections.abc import Callable

import talib

from autopilot.domain.candles import Candles

LENGTH = 500

_C, _HL, _HLC, _HLCV = ("close",), ("high", "low"), ("high", "low", "close"), ("high", "low", "close", "volume")
INDICATORS: tuple[tuple[str, tuple[str, ...], dict[str, int]], ...] = (
    *(("EMA", _C, {"timeperiod": n}) for n in (5, 9, 12, 21, 26, 50, 80)),
    *(("SMA", _C, {"timeperiod": n}) for n in (10, 20, 50, 100, 200)),
    *(("RSI", _C, {"timeperiod": n}) for n in (7, 14, 21)),
    *(("ROC", _C, {"timeperiod": n}) for n in (1, 6, 24)),
    *(("STDDEV", _C, {"timeperiod": n}) for n in (20, 50)),
    *(("ATR", _HLC, {"timeperiod": n}) for n in (14, 28)),
    ("ADX", _HLC, {"timeperiod": 14}),
    ("PLUS_DI", _HLC, {"timeperiod": 14}),
    ("MINUS_DI", _HLC, {"timeperiod": 14}),
    ("CCI", _HLC, {"timeperiod": 20}),
    ("WILLR", _HLC, {"timeperiod": 14}),
    ("MFI", _HLCV, {"timeperiod": 14}),
    ("OBV", ("close", "volume"), {}),
    ("STOCH", _HLC, {}),
    ("STOCHF", _HLC, {}),
    ("MACD", _C, {}),
    ("BBANDS", _C, {"timeperiod": 20}),
    ("SAR", _HL, {}),
    ("AROON", _HL, {"timeperiod": 14}),
    ("TEMA", _C, {"timeperiod": 9}),
)


def on_arrays(candles: Candles) -> Callable[[], None]:
    """Through TA-Lib's function interface."""
    calls = [
        (getattr(talib, name), [getattr(candles, field) for field in fields], options)
        for name, fields, options in INDICATORS
    ]

    def compute() -> None:
        for function, arrays, options in calls:
            function(*arrays, **options)

    return compute
