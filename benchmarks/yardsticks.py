"""The yardsticks of learning: trainings on markets and problems whose truth is known.

    python -m benchmarks yardsticks [--data FOLDER] [NAME …]

Minutes each, the gates half an hour on two processors, those of backtests a quarter. ``FOLDER`` holds real
candles by market (BINANCE_BTC-USDT_1h.csv.gz …), itself or in its ``ohlcv``; without it what needs real candles is left
out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from autopilot.app.compute import InProcess
from autopilot.backtest.fits import CachedFits
from autopilot.backtest.walk_forward import Retraining, WalkForwardModels
from autopilot.domain.candles import AnyArray, FloatArray, IntArray
from autopilot.domain.document_types import Document
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.progress import unwatched
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.intervals import Interval, day_totals, ratio_interval, resampled_means
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.strategies.registry import load_strategies
from autopilot.training.data.history import learned_names, symbol_rows
from autopilot.training.data.training_set import NO_GROUP, TrainingSet, training_set
from autopilot.training.evidence.card import evidence_part
from autopilot.training.evidence.checks import class_losses, shuffled
from autopilot.training.evidence.evaluation import LEVEL, Judged, evaluate_decisions
from autopilot.training.evidence.gate import PROMOTED, log_loss_skill, pass_gate
from autopilot.training.evidence.walk import join_folds, score_fold, walk_folds
from autopilot.training.model.fit import FitSettings, fit_classes
from autopilot.training.model.scoring import base_rates, calibration_error, row_log_loss
from autopilot.training.request import Acting
from autopilot.training.train import TrainingSettings, train
from benchmarks.yardstick_markets import (
    HOUR,
    REGIMES,
    Market,
    Planted,
    ended,
    real,
    requested,
    simulated,
    true_regimes,
    without_direction,
)

SIX = ("BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ADA/USD", "LTC/USD")
EIGHT = (*SIX, "LINK/USD", "DOT/USD")
TWO = SIX[:2]
REAL = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "BNB", "XRP", "SOL", "ADA", "LTC", "LINK"))
TESTED_DAYS, TWO_YEARS, FOUR_YEARS, ALL_DAYS = 365, 730, 1460, 2700
ACTING = Acting(min_confidence=0.75, min_edge_bps=0.0)
"""The defaults of the configuration."""
SURROGATES = 3
SHUFFLES = 5
WINDOWS = 16
MARKETS = 20
SIZES = {"just over the gate's minimum": (EIGHT, 215), "6 symbols of 2 years": (SIX, TWO_YEARS)}
"""The first makes about 1,200 decisions out of sample on 185 days."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure beside its goal. ``is_met`` is None without a goal."""

    name: str
    figure: str
    goal: str = ""
    is_met: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where trainings run, and the folder of real candles."""

    executor: Executor
    data: Path | None


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks yardsticks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="real candles")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in ALL]
    if unknown:
        parser.error(f"there is no yardstick {', '.join(unknown)}; there are {', '.join(ALL)}")
    with _processes() as executor:
        for name in given.names or ALL:
            begin = time.perf_counter()
            print(f"\n{name}")
            for measured in ALL[name](Bench(executor, given.data)):
                _print(measured)
            print(f"  ({time.perf_counter() - begin:.0f} s)", flush=True)
    return 0


@contextmanager
def _processes() -> Iterator[Executor]:
    count, spawn = len(os.sched_getaffinity(0)), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=spawn) as executor:
        yield executor


def _print(measured: Measured) -> None:
    verdict = "" if measured.is_met is None else f"{measured.goal}: {'met' if measured.is_met else 'MISSED'}"
    print(f"  {measured.name:<58} {measured.figure:<28} {verdict:<24} {measured.note}".rstrip(), flush=True)


def planted_regimes(bench: Bench) -> Iterator[Measured]:
    """Against one who knows the regime that made the candle, and in each does what was best there on these very data:
    better informed than anybody could be."""
    seed = 1
    judged = examined(simulated(seed, SIX, TWO_YEARS), bench.executor)
    data, rows = judged.data, judged.oof.rows
    regimes, outcomes = true_regimes(seed, data)[rows], np.nan_to_num(data.group_returns[rows])
    oracle = best_by_regime(regimes, outcomes)
    chosen = np.where(judged.choices.edge_bps > 0.0, judged.choices.group, NO_GROUP)
    acted = np.where(judged.followed, judged.choices.group, NO_GROUP)
    own, known = ((each == data.classes[rows]) * 1.0 for each in (chosen, oracle))
    ahead = ratio_interval(*(day_totals(judged.at_ms, each) for each in (own - known, np.ones(len(rows)))))
    yield Measured(
        "right about what would have earned most, or nothing",
        _interval(ahead, 100, "points"),
        "≥ 0",
        ahead.point >= 0.0,
        f"{percent(own.mean())} against the oracle's {percent(known.mean())}",
    )
    for name, choice, goal in (
        ("share of the oracle's money, whenever a gain is expected", chosen, 0.93),
        ("share of the oracle's money, at confidence ≥ 0.75", acted, None),
        ("share of one who goes by the regime as it can be seen", best_by_regime(data.regime[rows], outcomes), None),
    ):
        money, oracles = (_earned(each, outcomes) for each in (choice, oracle))
        share = ratio_interval(*(day_totals(judged.at_ms, each) for each in (money, oracles)))
        note = f"{1e4 * money.mean():+.1f} bp a decision against {1e4 * oracles.mean():+.1f}"
        yield Measured(
            name, _interval(share, 100, "%"), "≥ 93 %" if goal else "", share.point >= goal if goal else None, note
        )
    yield from _by_regime(regimes, outcomes, oracle, chosen)


def _by_regime(regimes: IntArray, outcomes: FloatArray, oracle: IntArray, chosen: IntArray) -> Iterator[Measured]:
    """Where the money is made and lost."""
    for code in np.unique(regimes):
        here = regimes == code
        best = int(oracle[here][0])
        money, oracles = (1e4 * _earned(each, outcomes)[here].mean() for each in (chosen, oracle))
        shares = np.bincount(chosen[here], minlength=NO_GROUP + 1) / here.sum()
        picked = ", ".join(f"{_group(at)} {100 * shares[at]:.0f} %" for at in np.argsort(-shares)[:3])
        yield Measured(
            f"  {REGIMES[code]}, {percent(here.mean())} of the decisions: oracle {_group(best)}",
            f"{money:+.1f} bp of {oracles:+.1f}",
            note=f"chosen: {picked}",
        )


def _group(at: int) -> str:
    return STRATEGY_GROUPS[at].value if at < len(STRATEGY_GROUPS) else "cash"


def best_by_regime(regimes: NDArray[np.integer], outcomes: FloatArray) -> IntArray:
    """int64[n]: the group with the best mean of ``outcomes`` float64[n, g] in each one's regime, `NO_GROUP` where none
    earns anything."""
    best = np.full(len(regimes), NO_GROUP)
    for code in np.unique(regimes):
        here = regimes == code
        means = outcomes[here].mean(axis=0)
        if means.max() > 0.0:
            best[here] = means.argmax()
    return best


def _earned(choice: IntArray, outcomes: FloatArray) -> FloatArray:
    with_cash = np.column_stack([outcomes, np.zeros(len(outcomes))])
    return np.asarray(with_cash[np.arange(len(choice)), choice])


def planted_features(bench: Bench) -> Iterator[Measured]:
    """Trained and calibrated on 10,000 samples, tried on 10,000 fresh ones. The problem is as hard as real ones: the
    best possible skill is about 6 %."""
    for name, problem in (
        ("two of 12 features tell", Planted(copies=1, width=12, noise=1e-6)),
        ("two causes in eight features each of 60", Planted(copies=8, width=60, noise=0.5)),
    ):
        data, fresh = problem.draw(1, 10_000), problem.draw(2, 10_000)
        calibration = walked(data, bench.executor).calibration
        base = np.tile(base_rates(data.classes, NO_GROUP + 1), (len(fresh), 1))
        raw = fit_classes(data.features, data.classes, FitSettings()).predict(fresh.features, raw_score=True)
        stated = calibration.apply(np.asarray(raw), base)
        losses = [row_log_loss(each, fresh.classes) for each in (base, stated, problem.probabilities(fresh.features))]
        of_base, of_model, of_bayes = (day_totals(fresh.at_ms, each) for each in losses)
        share = ratio_interval(of_base - of_model, of_base - of_bayes)
        note = f"the best possible skill is {percent(1 - of_bayes.sum() / of_base.sum(), 2)}"
        yield Measured(f"share of the Bayes headroom, {name}", _interval(share), "≥ 0.90", share.point >= 0.9, note)
        yield _calibration(fresh.at_ms, stated, fresh.classes, 0.02)


def shuffled_labels(bench: Bench) -> Iterator[Measured]:
    """Outcomes dealt out to other samples of the simulated market; the worst of several deals."""
    data = dataset(simulated(1, SIX, TWO_YEARS), bench.executor)
    seeds = range(1, SHUFFLES + 1)
    raw = list(bench.executor.map(raw_skill, [data] * SHUFFLES, seeds))
    skills = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(data))
        dealt = replace(data, returns=data.returns[order], picks=data.picks[order], unit=data.unit[order])
        skills.append(log_loss_skill(walked(dealt, bench.executor), 0.95))
    worst = max(skills, key=lambda each: abs(each.point))
    yield Measured(
        f"log-loss skill, worst of {SHUFFLES} deals",
        _interval(worst, 100, "%", 2),
        "|skill| ≤ 0.5 %",
        abs(worst.point) <= 0.005,
    )
    note = "what the leak test of a training looks at: does not teach, and overfits"
    yield Measured("the same before calibration", f"{percent(min(raw), 2)} to {percent(max(raw), 2)}", note=note)


def raw_skill(data: TrainingSet, seed: int) -> float:
    """Of the classifier alone, walked forward on labels that were shuffled."""
    losses = class_losses(data, shuffled(data.classes, seed), walk_folds(data, HOUR.ms), FitSettings())
    return 1.0 - sum(float(each.model.sum()) for each in losses) / sum(float(each.base.sum()) for each in losses)


def gates(bench: Bench) -> Iterator[Measured]:
    """Whole trainings on simulated markets, and on the same markets without direction, where luck is the only edge. The
    market with an edge that barely passes the gate's minimum has no goal: it shows the cost of the gate's caution."""
    for size, (symbols, days) in SIZES.items():
        for kind, least, most in (("null", None, 1), ("planted", MARKETS - 1, None)):
            seeds = list(range(1, MARKETS + 1))
            jobs = [bench.executor.submit(gate_card, kind == "planted", seed, symbols, days) for seed in seeds]
            cards = {seed: job.result() for seed, job in zip(seeds, jobs, strict=True)}
            passed = [seed for seed, card in cards.items() if card["state"] in PROMOTED]
            states = Counter(str(card["state"]) for card in cards.values())
            is_asked = kind == "null" or days >= TWO_YEARS
            yield Measured(
                f"gate passed, {kind} markets, {size}",
                f"{len(passed)} of {MARKETS} {_share_interval(len(passed), MARKETS)}",
                f"≤ {most}" if least is None else f"≥ {least}",
                (len(passed) <= 1 if least is None else len(passed) >= least) if is_asked else None,
                ", ".join(f"{count} {state}" for state, count in states.items()),
            )
            wrong = [seed for seed in seeds if (seed in passed) is (kind == "null")]
            for seed in wrong if is_asked else ():
                yield Measured(f"  seed {seed}", str(cards[seed]["state"]), note=str(cards[seed]["verdict"]))


def gate_card(has_direction: bool, seed: int, symbols: Sequence[str], days: int) -> Document:
    """The card of one training of the simulated market of ``seed``, with its direction or without."""
    market = simulated(seed, symbols, days)
    return trained_card(market if has_direction else without_direction(market, seed), days)


def backtest_gates(bench: Bench) -> Iterator[Measured]:
    """Backtests of two symbols over the last year of their candles: whether their gates ever accept a model. Markets
    are the unit, because the verdicts of one market share their evidence."""
    seeds = range(1, MARKETS + 1)
    markets: dict[str, Iterator[Market]] = {
        "null": (without_direction(simulated(seed, TWO, FOUR_YEARS), seed) for seed in seeds),
        "planted": (simulated(seed, TWO, FOUR_YEARS) for seed in seeds),
    }
    if bench.data:
        whole = real(bench.data, "binance", REAL[:2], ALL_DAYS)
        markets["surrogates of real candles"] = (without_direction(whole, seed) for seed in seeds)
        markets["real candles"] = iter([whole])
    for kind, each in markets.items():
        jobs = [bench.executor.submit(backtest_states, market) for market in each]
        states = [job.result() for job in jobs]
        passed = sum(any(state in PROMOTED for state in found) for found in states)
        has_limit = kind not in ("planted", "real candles")
        counts = Counter(state.value for found in states for state in found)
        yield Measured(
            f"any model accepted in a backtest, {kind}",
            f"{passed} of {len(states)} {_share_interval(passed, len(states))}",
            "≤ 1" if has_limit else "",
            passed <= 1 if has_limit else None,
            ", ".join(f"{count} models {state}" for state, count in counts.items()),
        )


class Scores(dict[str, Mapping[str, AnyArray]]):
    """A cache in memory."""

    def load(self, key: str) -> Mapping[str, AnyArray] | None:
        return self.get(key)

    def save(self, key: str, arrays: Mapping[str, AnyArray]) -> None:
        self[key] = arrays


def backtest_states(market: Market) -> list[ModelState]:
    """The states of the models that a backtest of the last year would train, one each 30 days."""
    with InProcess() as executor:
        data = dataset(market, executor)
        end_ms = int(data.at_ms[-1]) + 1
        plan = Retraining(
            scope=ModelScope(CandleKind.SIMULATED, HOUR),
            start_ms=end_ms - TESTED_DAYS * DAY_MS,
            end_ms=end_ms,
            every_ms=30 * DAY_MS,
            purge_ms=HOUR.ms,
            life_ms=60 * DAY_MS,
            is_gated=False,
        )
        walk = WalkForwardModels(data, plan, FitSettings(), ACTING, CachedFits(executor, Scores()))
        return [model.state for model in walk.follow([], [], unwatched)[0]]


def little_data(bench: Bench) -> Iterator[Measured]:
    """Two symbols of 90 days: nothing can be shown with so little, and nothing may be claimed."""
    days = 90
    markets = [simulated(seed, TWO, days) for seed in range(1, WINDOWS + 1)]
    kinds = {"simulated": markets}
    if bench.data:
        whole = real(bench.data, "binance", REAL[:2], FOUR_YEARS)
        last_ms = min(each.candles.last_at_ms for each in whole)
        kinds["real"] = [ended(whole, last_ms - back * days * DAY_MS, days) for back in range(WINDOWS)]
    for name, windows in kinds.items():
        cards = list(bench.executor.map(trained_card, windows, [days] * len(windows)))
        yield from _claims(f"{len(windows)} {name} windows", cards)


def _claims(name: str, cards: Sequence[Document]) -> Iterator[Measured]:
    skills = [_metric(card, "log-loss skill")["value"] for card in cards]
    yield Measured(
        f"worst log-loss skill of {name}",
        percent(min(skills), 2),
        "≥ -1 %",
        min(skills) >= -0.01,
        f"median {percent(float(np.median(skills)), 2)}",
    )
    bins = [[(each["count"], each["stated"] - each["observed"]) for each in card["reliability"]] for card in cards]
    counts = np.array([sum(count for count, _ in each) for each in bins], dtype=np.float64)
    excess = np.array([sum(count * over for count, over in each) for each in bins])
    over = ratio_interval(excess, counts, mean_block=1.0)
    yield Measured(
        f"stated less observed probability, {name}",
        _interval(over, 100, "points"),
        "within 5 points",
        abs(over.point) <= 0.05,
        f"{int(counts.sum())} decisions; one window alone: {100 * min(excess / counts):+.1f} to "
        f"{100 * max(excess / counts):+.1f}, by chance alone ± {100 / np.sqrt(counts.mean()):.0f}",
    )
    insufficient = sum(card["state"] == "insufficient" for card in cards)
    yield Measured(
        f"verdict insufficient, {name}", f"{insufficient} of {len(cards)}", "every time", insufficient == len(cards)
    )


def real_markets(bench: Bench) -> Iterator[Measured]:
    """Eight symbols of Binance, the last four years there are, and the same candles without direction."""
    if bench.data is None:
        yield Measured("left out: --data names no folder of real candles", "")
        return
    market = real(bench.data, "binance", REAL, FOUR_YEARS)
    judged = examined(market, bench.executor)
    skill = log_loss_skill(judged, 0.95)
    yield Measured("log-loss skill", _interval(skill, 100, "%", 2), "≥ 6.5 %", skill.point >= 0.065)
    excess, surrogates = _surrogate_excess(market, skill, bench.executor)
    yield Measured(
        "excess over the skill without direction",
        _interval(excess, 100, "points", 2),
        "lower > 0",
        excess.lower > 0.0,
        f"{SURROGATES} surrogates: {', '.join(percent(each, 2) for each in surrogates)}",
    )
    yield _calibration(judged.at_ms, judged.probabilities, judged.data.classes[judged.oof.rows], 0.015)
    card = evidence_part(judged, pass_gate(judged, (), 1), (), None, 1)
    rank = _metric(card, "within-decision rank correlation")
    ranked = Interval(rank["value"], rank["lower"], rank["upper"], rank["level"])
    yield Measured("within-decision rank correlation", _interval(ranked), "≥ 0.06", ranked.point >= 0.06)
    sure = next(each for each in card["thresholds"] if each["threshold"] == ACTING.min_confidence)
    edge = Interval(sure["edge_bps"], sure["lower"], sure["upper"], LEVEL)
    note = f"{percent(sure['share'])} of {len(judged.oof):,} decisions"
    yield Measured("net edge at confidence ≥ 0.75", _interval(edge, 1, "bp", 1), "lower > 0", edge.lower > 0.0, note)
    yield Measured("gate", str(card["state"]), note=str(card["verdict"]))


def _surrogate_excess(market: Market, skill: Interval, executor: Executor) -> tuple[Interval, list[float]]:
    """Half widths of both skills added as squares: the markets are of different worlds, day by day."""
    worlds = [examined(without_direction(market, seed), executor) for seed in range(1, SURROGATES + 1)]
    found = [log_loss_skill(each, 0.95) for each in worlds]
    point = skill.point - float(np.mean([each.point for each in found]))
    below = max(each.upper - each.point for each in found)
    above = max(each.point - each.lower for each in found)
    lower, upper = np.hypot(skill.point - skill.lower, below), np.hypot(skill.upper - skill.point, above)
    return Interval(point, point - float(lower), point + float(upper), 0.95), [each.point for each in found]


def dataset(market: Market, executor: Executor) -> TrainingSet:
    """What a training makes of the market before it fits anything."""
    strategies = load_strategies()
    rows = [executor.submit(symbol_rows, each, strategies, ASSUMED_COST) for each in market]
    profiles = [StrategyProfile(each.name, each.group, dict(each.regime_fit)) for each in strategies]
    return training_set([each.result() for each in rows], learned_names(strategies.names), profiles)


def walked(data: TrainingSet, executor: Executor) -> Judged:
    """Walked forward and judged, as a training does it."""
    folds = walk_folds(data, HOUR.ms)
    scored = [executor.submit(score_fold, data, fold, FitSettings()) for fold in folds[::-1]][::-1]
    return evaluate_decisions(data, join_folds([each.result() for each in scored]), ACTING)


def examined(market: Market, executor: Executor) -> Judged:
    return walked(dataset(market, executor), executor)


def trained_card(market: Market, days: int) -> Document:
    """Of a whole training in this process, leak tests and gate too."""
    request = requested("simulated", [each.symbol for each in market], days)
    scope = ModelScope(CandleKind.SIMULATED, request.timeframe)
    settings = TrainingSettings(ACTING, ASSUMED_COST, trials=1, scope=scope)
    return train(market, load_strategies(), request, settings, InProcess(), lambda *_: None).card


def _calibration(at_ms: IntArray, probabilities: FloatArray, classes: IntArray, limit: float) -> Measured:
    """Of the most probable class; the interval is of resampled days, and chance can only add to such an error."""
    stated, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    bins = np.minimum((stated * 10).astype(np.int64), 9)
    over = [day_totals(at_ms, (right - stated) * (bins == each)) for each in range(10)]
    each_day = np.stack([*over, day_totals(at_ms, np.ones(len(stated)))], axis=1)
    means = resampled_means(each_day)
    lower, upper = np.quantile(np.abs(means[:, :-1]).sum(axis=1) / means[:, -1], [0.025, 0.975])
    error = calibration_error(stated, right)
    found = Interval(error, float(lower), float(upper), 0.95)
    return Measured("  calibration error", _interval(found), f"≤ {limit:g}", error <= limit)


def _metric(card: Document, name: str) -> Mapping[str, float]:
    return next(each for each in card["metrics"] if each["name"] == name)


def _interval(found: Interval, times: float = 1.0, unit: str = "", decimals: int | None = None) -> str:
    digits = decimals if decimals is not None else (1 if times > 1 else 3)
    point, lower, upper = (f"{times * each:.{digits}f}" for each in (found.point, found.lower, found.upper))
    return f"{point} {unit}".rstrip() + f" [{lower}, {upper}]"


def _share_interval(count: int, of: int) -> str:
    """95 %, Clopper & Pearson (1934)."""
    found = binomtest(count, of).proportion_ci()
    return f"[{of * found.low:.1f}, {of * found.high:.1f}]"


def percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f} %"


ALL: dict[str, Callable[[Bench], Iterator[Measured]]] = {
    "planted_regimes": planted_regimes,
    "planted_features": planted_features,
    "shuffled_labels": shuffled_labels,
    "gates": gates,
    "backtest_gates": backtest_gates,
    "little_data": little_data,
    "real_markets": real_markets,
}
