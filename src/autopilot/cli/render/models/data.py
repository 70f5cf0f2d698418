"""A model's training data and the versions that made it."""

from __future__ import annotations

from autopilot.cli.render.blocks import Block, Field, Style, field, line, listed
from autopilot.cli.render.models.numbers import percent
from autopilot.cli.render.words import NOTHING, count, day, integer, spoken, utc
from autopilot.domain.card_types import CardDocument


def data_line(card: CardDocument) -> list[Block]:
    """The span and the samples in one line."""
    data = card["data"]
    span = f"{day(data['first_at_ms'])} to {day(data['last_at_ms'])}"
    return [line(f"Trained on {integer(data['samples'])} samples, {span}", hang=2)]


def data_section(card: CardDocument) -> list[Block]:
    """The span, the samples and where they come from."""
    data = card["data"]
    span = f"{utc(data['first_at_ms'])} to {utc(data['last_at_ms'])}"
    samples = f"  {integer(data['samples'])} samples, {integer(data['recorded'])} of them recorded by the daemon"
    fields: tuple[Field[str], ...] = (
        field("symbol", lambda symbol: symbol),
        field("candles", lambda symbol: integer(data["candles"][symbol]), right=True),
        field("samples", lambda symbol: integer(data["samples_by_symbol"].get(symbol)), right=True),
    )
    blocks: list[Block] = [
        line("Data", Style.HEADING),
        line(f"  {span}, {integer(card['days'])} days requested", hang=2),
        line(samples, hang=2),
    ]
    return [*blocks, listed(fields, data["candles"])] if data["candles"] else blocks


def classes_section(card: CardDocument) -> list[Block]:
    """How often each group was the best."""
    if not card["classes"]:
        return []
    ordered = sorted(card["classes"].items(), key=lambda item: -(item[1] or 0.0))
    shares = ", ".join(f"{spoken(name)} {percent(share)}" for name, share in ordered)
    return [line("Best group in hindsight, none where no group had a gain", Style.HEADING), line(f"  {shares}", hang=2)]


def versions_section(card: CardDocument) -> list[Block]:
    """Everything that is needed to make the same model again."""
    versions = ", ".join(f"{name} {version}" for name, version in card["versions"].items())
    made = f"  seed {integer(card['seed'])}, features {card['schema']}{_trials(card['trials'])}"
    return [
        line("Made with", Style.HEADING),
        line(f"  {versions or NOTHING}", hang=2),
        line(made, hang=2),
        line(f"  model SHA-256 {card['sha256']}", hang=2),
        line(f"  samples SHA-256 {card['data']['sha256'] or NOTHING}", hang=2),
    ]


def _trials(trials: int | None) -> str:
    return "" if trials is None else f", {count(trials, 'training')} so far"
