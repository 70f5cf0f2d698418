"""Walk-forward models: each decides only candles after its training data, and only if its gate permits, which sees no
later data either.

A model is trained at each retraining, on all that was known then. The evidence for the gate is cheaper: a few models,
each trained on the data before a long block of time and scored on the block. All later verdicts use these scores, each
only those of outcomes that had matured by its time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autopilot.backtest.choices import BacktestChoices
from autopilot.backtest.fits import CachedFits, PendingFit
from autopilot.backtest.models import DecidingModel, candles_to_score, scoring_inputs, with_choices
from autopilot.backtest.stages import BacktestStage
from autopilot.domain.candles import BoolArray, IntArray
from autopilot.domain.model_state import ModelScope
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import iso_utc
from autopilot.selection.strategy_rules import group_of
from autopilot.training.data.series import SymbolSeries
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.evidence.evaluation import evaluate_decisions
from autopilot.training.evidence.gate import GateVerdict, is_enough, pass_gate, too_few
from autopilot.training.evidence.splits import Fold
from autopilot.training.evidence.walk import MIN_TRAIN, WALK_BLOCK_MS, OutOfFold, join_folds, of_rows, out_of_fold
from autopilot.training.model.fit import FitSettings
from autopilot.training.model.scored_choices import ScoredChoices, join_inputs
from autopilot.training.request import Acting

BLOCKS_BEFORE = 3
"""Blocks of evidence on the history before the test, at most. On real candles 3, 5, 8 and 14 gave the same verdicts."""
MODELS_AHEAD = 8
"""Trainings that are submitted before the first result is awaited. Each holds a copy of all samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """Closes in [start_ms, end_ms) are decided. A model is trained at the start and then every ``every_ms``, on the
    samples that had matured ``purge_ms`` before. It decides for ``life_ms`` after its last sample, or until the next
    model. ``is_gated``: only if its gate permits. ``scope``: the candles that are tested."""

    scope: ModelScope
    start_ms: int
    end_ms: int
    every_ms: int
    purge_ms: int
    life_ms: int
    is_gated: bool


@dataclass(frozen=True, slots=True)
class _Span:
    """A model that is trained at ``at_ms`` decides until ``until_ms``."""

    at_ms: int
    until_ms: int
    verdict: GateVerdict


@dataclass(frozen=True, slots=True, eq=False)
class WalkForwardModels:
    """The models of one backtest, trained on ``data``, the samples of its symbols."""

    data: TrainingSet
    plan: Retraining
    fitting: FitSettings
    acting: Acting
    fits: CachedFits

    def follow(
        self, choices: Sequence[BacktestChoices], series: Sequence[SymbolSeries], progress: Progress
    ) -> tuple[tuple[DecidingModel, ...], list[BacktestChoices]]:
        """The models in the order of their spans, which do not overlap, and the choices of each symbol with theirs."""
        spans = self._deciding_spans(progress)
        followed, models = list(choices), list[DecidingModel]()
        pending: deque[_PendingSpan] = deque()
        is_cached = True
        for number, span in enumerate(spans, start=1):
            pending.append(self._train(span, choices, series))
            is_cached = is_cached and (pending[-1].fit is None or pending[-1].fit.is_cached)
            while pending and (len(pending) > MODELS_AHEAD or number == len(spans)):
                if not is_cached:
                    progress(BacktestStage.MODELS, len(models), len(spans), iso_utc(pending[0].span.at_ms)[:10])
                models.append(self._finish(pending.popleft(), len(models), followed))
        if spans:
            progress(BacktestStage.CACHED if is_cached else BacktestStage.MODELS, len(spans), len(spans))
        return tuple(models), followed

    def _matured(self, at_ms: int) -> BoolArray:
        """bool[n]: the samples that can be used at that time."""
        return np.asarray(self.data.matured_ms + self.plan.purge_ms <= at_ms)

    @property
    def _moments(self) -> list[int]:
        """The times at which a model is trained: enough samples must have matured."""
        return self._trainable(range(self.plan.start_ms, self.plan.end_ms, self.plan.every_ms))

    @property
    def _trials_before(self) -> int:
        """The trainings at this pace from the first sample to the test. Whoever had made them would have had as many
        chances of a lucky verdict."""
        plan, first_ms = self.plan, int(self.data.at_ms[0])
        return len(self._trainable(range(plan.start_ms - plan.every_ms, first_ms - 1, -plan.every_ms)))

    def _trainable(self, moments: Sequence[int]) -> list[int]:
        return [moment for moment in moments if int(self._matured(moment).sum()) >= MIN_TRAIN]

    def _deciding_spans(self, progress: Progress) -> list[_Span]:
        """The span each accepted model decides: from its training until the next accepted model or its expiry."""
        spans: list[_Span] = []
        moments = self._moments
        for at_ms, verdict in zip(moments, self._verdicts(moments, progress), strict=True):
            if verdict.replaces or not self.plan.is_gated:
                if spans and spans[-1].until_ms > at_ms:
                    spans[-1] = replace(spans[-1], until_ms=at_ms)
                expiry_ms = self._trained_until_ms(at_ms) + self.plan.life_ms + 1
                spans.append(_Span(at_ms, min(self.plan.end_ms, expiry_ms), verdict))
        return spans

    def _trained_until_ms(self, at_ms: int) -> int:
        return int(self.data.matured_ms[self._matured(at_ms)].max())

    def _verdicts(self, moments: Sequence[int], progress: Progress) -> list[GateVerdict]:
        """The gate's verdict at each of the moments, on the outcomes that had matured by then."""
        if not moments:
            return []
        blocks = self._blocks(moments)
        known = [np.concatenate([np.empty(0, dtype=np.int64), *self._known(blocks, moment)]) for moment in moments]
        scored: list[OutOfFold] = []
        if any(is_enough(self.data.at_ms[rows]) for rows in known):
            scored = self._scored(blocks, progress)
        else:
            progress(BacktestStage.JUDGING, len(moments), len(moments))
        verdicts = []
        for trials, (moment, rows) in enumerate(zip(moments, known, strict=True), start=self._trials_before + 1):
            if is_enough(self.data.at_ms[rows]):
                parts = [of_rows(each, self._matured(moment)[each.rows]) for each in scored]
                judged = evaluate_decisions(self.data, join_folds([each for each in parts if len(each)]), self.acting)
                verdicts.append(pass_gate(judged, (), trials))
            else:
                verdicts.append(too_few(self.data.at_ms[rows]))
        return verdicts

    def _known(self, blocks: Sequence[Fold], moment: int) -> list[IntArray]:
        """The tested rows of each block whose outcomes were known at that time."""
        matured = self._matured(moment)
        return [block.test[matured[block.test]] for block in blocks]

    def _blocks(self, moments: Sequence[int]) -> list[Fold]:
        """The blocks of evidence, with a boundary at the start of the test, of a whole number of trainings each."""
        plan, first_ms = self.plan, int(self.data.at_ms[0])
        least_ms = max((plan.start_ms - first_ms) / (BLOCKS_BEFORE + 1), WALK_BLOCK_MS)
        block_ms = math.ceil(least_ms / plan.every_ms) * plan.every_ms
        usable = self._matured(moments[-1])
        folds = []
        for begin in range(plan.start_ms - BLOCKS_BEFORE * block_ms, moments[-1], block_ms):
            inside = (self.data.at_ms >= begin) & (self.data.at_ms < begin + block_ms)
            train, test = np.flatnonzero(self._matured(begin)), np.flatnonzero(inside & usable)
            if len(train) >= MIN_TRAIN and len(test):
                folds.append(Fold(iso_utc(begin)[:10], train, test))
        return folds

    def _scored(self, blocks: Sequence[Fold], progress: Progress) -> list[OutOfFold]:
        # The longest first, so that no processor is left alone with it at the end.
        latest_first = blocks[::-1]
        pending = [self.fits.scores(self.data, block, self.fitting) for block in latest_first]
        is_cached = all(each.is_cached for each in pending)
        scored: list[OutOfFold] = []
        for block, each in zip(latest_first, pending, strict=True):
            if not is_cached:
                progress(BacktestStage.JUDGING, len(scored), len(blocks), block.name)
            scored.append(out_of_fold(self.data, block, each.result()))
        if not is_cached:
            progress(BacktestStage.JUDGING, len(blocks), len(blocks))
        return scored[::-1]

    def _train(self, span: _Span, choices: Sequence[BacktestChoices], series: Sequence[SymbolSeries]) -> _PendingSpan:
        """Train the model of the span, unless there is no candle to score."""
        scored = [
            scoring_inputs(each, known, candles_to_score(each, known, span.at_ms, span.until_ms))
            for each, known in zip(choices, series, strict=True)
        ]
        fit = None
        if any(len(at) for at, _ in scored):
            inputs, groups = join_inputs([part for _, part in scored]), group_of(self.data.strategies)
            fit = self.fits.choices(self.data, np.flatnonzero(self._matured(span.at_ms)), inputs, groups, self.fitting)
        return _PendingSpan(span, [at for at, _ in scored], fit)

    def _finish(self, pending: _PendingSpan, number: int, followed: list[BacktestChoices]) -> DecidingModel:
        """The model ``number``, with its choices in ``followed``."""
        span, limit = pending.span, 0.0
        if pending.fit:
            theirs = pending.fit.result()
            limit, end = float(theirs.limit), 0
            for symbol, at in enumerate(pending.scored):
                begin, end = end, end + len(at)
                followed[symbol] = with_choices(followed[symbol], number, at, theirs.of_rows(slice(begin, end)))
        return DecidingModel(
            id=f"walk-{iso_utc(span.at_ms)[:10]}",
            state=span.verdict.state,
            trained_on=self.plan.scope,
            verdict=span.verdict.sentence,
            trained_until_ms=self._trained_until_ms(span.at_ms),
            from_ms=span.at_ms,
            until_ms=span.until_ms,
            novelty_limit=limit,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _PendingSpan:
    """``scored``: the indices of each symbol's choices that the model scores. ``fit``: the choices of the model; it is
    missing if no candle is scored."""

    span: _Span
    scored: list[IntArray]
    fit: PendingFit[ScoredChoices] | None
