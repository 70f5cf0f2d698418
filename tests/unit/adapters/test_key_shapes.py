from __future__ import annotations

import pytest

from autopilot.adapters.exchange.key_shapes import normalized, require_shape
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError

PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEI\nabcd==\n-----END EC PRIVATE KEY-----"
PLAIN = "a1" * 32
BASE64 = "c2l4dHktZm91ci1ieXRlcy1vci1zbw=="


@pytest.mark.parametrize(
    ("exchange", "secret"),
    [
        ("kraken", BASE64),
        ("binance", PLAIN),
        ("binance", PEM.replace("EC ", "")),
        ("coinbase", PEM),
        ("coinbase", PEM.replace("\n", "\\n") + "\\n"),
        ("coinbase", PEM.replace("\n", "\r\n") + "\r\n"),
        ("kraken", f" {BASE64}\n"),
    ],
)
def test_keys_as_exchanges_show_them(exchange: str, secret: str) -> None:
    keys = normalized(ExchangeKeys(" the-key ", secret))
    require_shape(exchange, keys)
    assert (keys.api_key, "\\n" in keys.secret, keys.secret) == ("the-key", False, keys.secret.strip())


@pytest.mark.parametrize(
    ("exchange", "key", "secret", "words"),
    [
        ("kraken", "", BASE64, "the key is empty"),
        ("kraken", "key", "", "the secret is empty"),
        ("kraken", "the key", BASE64, "characters that no key has"),
        ("kraken", "key\x1b[A", BASE64, "characters that no key has"),
        ("kraken", "key", "ключ", "characters that no secret has"),
        ("kraken", BASE64, BASE64, "are the same"),
        ("kraken", "key", "not-base64!", "not base64"),
        ("kraken", "key", "c2hvcnQ=", "cut off"),
        ("binance", "key", "short1", "neither letters and digits"),
        ("binance", "key", PLAIN + "-", "neither letters and digits"),
        ("coinbase", "key", PEM.splitlines()[0], "not a whole PEM key"),
        ("coinbase", "key", PLAIN, "not a whole PEM key"),
    ],
)
def test_a_slip_of_the_hand_is_named_and_not_repeated(exchange: str, key: str, secret: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        require_shape(exchange, normalized(ExchangeKeys(key, secret)))
    assert len(secret) < 3 or secret not in str(refused.value) + refused.value.hint
