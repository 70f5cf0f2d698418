"""The screens of `autopilot keys`."""

from __future__ import annotations

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


def result_screen(words: str, document: Document) -> Screen:
    """``words``: the result; the document's ``disarmed``: the accounts whose authorization ended with it."""
    ended = (
        f"{account} is disarmed. Authorize it again with: autopilot arm" for account in document.get("disarmed", ())
    )
    return (line(words, Style.GOOD), *(line(each, Style.WARNING) for each in ended))
