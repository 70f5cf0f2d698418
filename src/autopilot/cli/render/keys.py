"""The screens of `autopilot keys`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autopilot.cli.render.blocks import Column, Screen, Style, line, table
from autopilot.cli.render.words import utc

COLUMNS = (Column("exchange"), Column("added"), Column("fingerprint"))


def keys_screen(document: dict[str, Any]) -> Screen:
    """``{"keys": [{"exchange", "added_at_ms", "fingerprint"} …]}``."""
    if not document["keys"]:
        return (line("No exchange keys are stored. try: autopilot keys add kraken", Style.FAINT),)
    rows = [(each["exchange"], utc(each["added_at_ms"]), each["fingerprint"]) for each in document["keys"]]
    return (table(COLUMNS, rows),)


def result_screen(words: str, disarmed: Sequence[str] = ()) -> Screen:
    """``words``: the result; ``disarmed``: the accounts whose authorization ended with it."""
    ended = (f"{account} is disarmed. Authorize it again with: autopilot arm" for account in disarmed)
    return (line(words, Style.GOOD), *(line(each, Style.WARNING) for each in ended))
