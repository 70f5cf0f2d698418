"""From the votes of the members to a choice: the same code for one live decision and for all those of a training.

The group with the highest mean edge is chosen. Its confidence is the share of members that expect it to earn something;
the strategy's is the share of *those* members that expect it of the strategy too, so that the product is the share that
expects both. Shares are smoothed as if one more, undecided member had voted, so that they are never 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.model.ensemble import RawScores


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """``edges_bps`` float64[n, g]: mean expected net return; ``group_shares`` float64[n, g] and ``strategy_shares``
    float64[n, s] in (0, 1), the latter given that the strategy's own group is right."""

    edges_bps: FloatArray
    group_shares: FloatArray
    strategy_shares: FloatArray


def count_votes(raw: RawScores, unit: FloatArray, group_of: IntArray) -> Votes:
    """The votes of ``raw``. ``unit`` float64[n]: the usual move over the horizon; ``group_of`` int64[s]: the index of
    each strategy's group."""
    members = len(raw.groups)
    for_group = raw.groups > 0.0
    groups = for_group.sum(axis=0)
    both = (for_group[:, :, group_of] & (raw.strategies > 0.0)).sum(axis=0)
    return Votes(
        edges_bps=raw.groups.mean(axis=0) * unit[:, None] * 1e4,
        group_shares=(groups + 0.5) / (members + 1.0),
        strategy_shares=(both + 0.5) / (groups[:, group_of] + 1.0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """For each of n decisions: the group, the strategy (its column), the confidence in both, the expected edge."""

    group: IntArray
    strategy: IntArray
    confidence: FloatArray
    edge_bps: FloatArray


def choose(votes: Votes, picks: IntArray) -> Choices:
    """The group with the highest edge, and its strategy. ``picks`` int64[n, g]: the rules' strategy in each group."""
    rows = np.arange(len(picks))
    group = votes.edges_bps.argmax(axis=1)
    strategy = picks[rows, group]
    return Choices(
        group=group,
        strategy=strategy,
        confidence=votes.group_shares[rows, group] * votes.strategy_shares[rows, strategy],
        edge_bps=votes.edges_bps[rows, group],
    )
