"""The contract of signal arrays, checked for built-in and user strategies alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.domain.signal import SignalArrays

FIELDS = ("side", "strength", "confidence", "stop_distance", "target_distance")
_DTYPES = (np.dtype(np.int8), *[np.dtype(np.float64)] * 4)
"""The fields' dtypes, in the same order."""


def faults(answers: Mapping[str, SignalArrays], length: int) -> dict[str, str]:
    """The problem, by name, of each answer that breaks the contract of `SignalArrays` for ``length`` candles.

    All answers are checked together, at a tenth of the cost; only after a failure is each checked alone.
    """
    found = {name: fault for name, arrays in answers.items() if (fault := _misshapen(arrays, length))}
    shaped = {name: arrays for name, arrays in answers.items() if name not in found}
    if shaped and _broken_rule(list(shaped.values())):
        found |= {name: fault for name, arrays in shaped.items() if (fault := _broken_rule([arrays]))}
    return found


def _misshapen(arrays: object, length: int) -> str | None:
    if not isinstance(arrays, SignalArrays):
        return f"signals() returned {type(arrays).__name__}, not SignalArrays"
    for field, dtype in zip(FIELDS, _DTYPES, strict=True):
        array = getattr(arrays, field)
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            return f"{field} is {getattr(array, 'dtype', type(array).__name__)}, not an array of {dtype}"
        if array.shape != (length,):
            return f"{field} has shape {array.shape}, not ({length},)"
    return None


def _broken_rule(many: Sequence[SignalArrays]) -> str | None:
    """The first rule that any of the arrays breaks, if any. A NaN fails every comparison."""
    side = np.array([arrays.side for arrays in many])
    if not (side.min() >= -1 and side.max() <= 1):
        return "side is neither -1, 0 nor 1 somewhere"
    silent = side == 0
    for field in ("strength", "confidence"):
        shares = np.array([getattr(arrays, field) for arrays in many])
        if not (shares.min() >= 0.0 and shares.max() <= 1.0):
            return f"{field} is outside [0, 1] or NaN somewhere"
        if ((shares != 0.0) & silent).any():
            return f"{field} is not zero where there is no side"
    stop = _distinct([arrays.stop_distance for arrays in many])
    if not (stop.min() > 0.0 and stop.max() < 1.0):
        return "stop_distance is outside (0, 1) or NaN somewhere"
    target = _distinct([arrays.target_distance for arrays in many])
    if not (target.min() > 0.0 and target.max() < np.inf):
        return "target_distance is not a finite number above 0 somewhere"
    return None


def _distinct(many: Sequence[FloatArray]) -> FloatArray:
    """Each array once, since strategies share their distances."""
    return np.array(list({id(array): array for array in many}.values()))
