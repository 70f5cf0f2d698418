"""A model's state in words, with the decisions it may take."""

from __future__ import annotations

from autopilot.cli.render.blocks import Span, Style
from autopilot.cli.render.words import spoken

_STYLES = {
    "untrained": Style.FAINT,
    "insufficient": Style.WARNING,
    "shadow": Style.WARNING,
    "live": Style.GOOD,
    "abstaining": Style.BAD,
}
_MEANINGS = {
    "untrained": "no model has been trained; the rule table decides",
    "insufficient": "too little data to judge it",
    "shadow": "may decide on paper, not about real money",
    "live": "may decide about real money",
    "abstaining": "shows no edge; takes no decision",
}
TO_TRAIN = "autopilot retrain --days 90"


def state_span(state: str) -> Span:
    """The state's name."""
    return Span(spoken(state), _STYLES.get(state, Style.PLAIN))


def meaning(state: str) -> str:
    """The decisions that a model in this state may take."""
    return _MEANINGS.get(state, "")
