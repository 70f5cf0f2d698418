"""The list of exchange keys, and the results of changing them."""

from __future__ import annotations

from collections.abc import Sequence

from autopilot.cli.render.blocks import Field, Screen, Style, field, line, listed
from autopilot.cli.render.words import utc
from autopilot.domain.document_types import Document

FIELDS: tuple[Field[Document], ...] = (
    field("exchange", lambda key: key["exchange"]),
    field("added", lambda key: utc(key["added_at_ms"]), rank=1),
    field("fingerprint", lambda key: key["fingerprint"]),
)


def keys_screen(document: Document) -> Screen:
    """``{"keys": [{"exchange", "added_at_ms", "fingerprint"} …]}``."""
    if not document["keys"]:
        return (line("No exchange keys are stored. Try: autopilot keys add kraken", Style.FAINT),)
    return (listed(FIELDS, document["keys"]),)


def kept_screen(words: str, disarmed: Sequence[str] = ()) -> Screen:
    """The result in words, and the accounts that were disarmed."""
    ended = (f"{account} is disarmed: autopilot arm checks the new key" for account in disarmed)
    return (line(words, Style.GOOD), *(line(each, Style.WARNING) for each in ended))
