"""The hash of a configuration in force: decisions and the audit log record it."""

from __future__ import annotations

import hashlib

from autopilot.config.schema import AutopilotConfig
from autopilot.domain.audit import canonical
from autopilot.domain.documents import document
from autopilot.domain.window_hash import HASH_DIGITS
from autopilot.engine.settings import AutopilotSettings


def config_sha256(config: AutopilotConfig) -> str:
    """The SHA-256 of the canonical JSON of all values in effect."""
    return hashlib.sha256(canonical(config.model_dump(mode="json")).encode()).hexdigest()


def config_hash(config: AutopilotConfig, settings: AutopilotSettings) -> str:
    """That of a `Provenance`: the configuration, and the symbol's settings, which a start may change."""
    text = config_sha256(config) + canonical(document(settings))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
