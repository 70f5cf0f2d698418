"""A slip of the hand shows before keys are stored, and is never repeated."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from secrets_in import shown_by

from autopilot.adapters.exchange.key_shapes import normalized
from autopilot.adapters.exchange.venues.known import require_key_shape, venue_rules
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def pem(
    key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, lock: KeySerializationEncryption | None = None
) -> str:
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption()).decode()


P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
ECDSA_PEM = pem(P256, PrivateFormat.TraditionalOpenSSL)
KRAKEN_SECRET = base64.b64encode(bytes(range(64))).decode()
KRAKEN_KEY = base64.b64encode(bytes(range(42))).decode()
COINBASE_NAME = "organizations/3b910e93-0e4c-4a5e-8d2b-0f1d3f8a7c11/apiKeys/0d2ba1de-5c1f-4d5f-9f0c-6b0a6a0cf0aa"
BINANCE_KEY, BINANCE_SECRET = "Ab3" * 21 + "x", "Zy9" * 21 + "w"
LOCKED = pem(P256, lock=BestAvailableEncryption(b"canary"))

GOOD = {
    "kraken": ("kraken", KRAKEN_KEY, KRAKEN_SECRET),
    "blanks around": ("kraken", f"  {KRAKEN_KEY}\r\n", f"\t{KRAKEN_SECRET} \n"),
    "coinbase": ("coinbase", COINBASE_NAME, ECDSA_PEM),
    "coinbase PKCS 8": ("coinbase", COINBASE_NAME, pem(P256)),
    "coinbase as in JSON": ("coinbase", COINBASE_NAME, ECDSA_PEM.replace("\n", "\\n")),
    "coinbase from Windows": ("coinbase", COINBASE_NAME, ECDSA_PEM.replace("\n", "\r\n")),
    "binance": ("binance", BINANCE_KEY, BINANCE_SECRET),
    "binance Ed25519": ("binance", BINANCE_KEY, pem(ED25519)),
    "binance RSA": ("binance", BINANCE_KEY, pem(rsa.generate_private_key(65537, 2048))),
}
BAD = {
    "empty key": ("kraken", " ", KRAKEN_SECRET, "the key is empty"),
    "empty secret": ("kraken", KRAKEN_KEY, "\n", "the secret is empty"),
    "same": ("kraken", KRAKEN_SECRET, KRAKEN_SECRET, "key and secret are the same"),
    "inside the key": ("kraken", KRAKEN_KEY[:9] + " " + KRAKEN_KEY[9:], KRAKEN_SECRET, "the key has characters"),
    "of another script": ("kraken", KRAKEN_KEY, "ключ", "the secret has characters"),
    "changed places": ("kraken", KRAKEN_SECRET, KRAKEN_KEY, "have changed places"),
    "not base64": ("kraken", KRAKEN_KEY, "-" + KRAKEN_SECRET[1:], "is not base64, or is cut off"),
    "end lost": ("kraken", KRAKEN_KEY, KRAKEN_SECRET[:-1], "is not base64, or is cut off"),
    "much lost": ("kraken", KRAKEN_KEY, KRAKEN_SECRET[:40], "has 30 bytes of 64"),
    "no name": ("coinbase", "0d2ba1de-5c1f-4d5f-9f0c-6b0a6a0cf0aa", ECDSA_PEM, "is not a name as organizations/"),
    "first line only": ("coinbase", COINBASE_NAME, ECDSA_PEM.splitlines()[0], "is not a whole PEM key"),
    "line lost": (
        "coinbase",
        COINBASE_NAME,
        "\n".join(ECDSA_PEM.splitlines()[:2] + ECDSA_PEM.splitlines()[3:]),
        "whole",
    ),
    "password": ("coinbase", COINBASE_NAME, LOCKED, "is not a whole PEM key"),
    "another curve": ("coinbase", COINBASE_NAME, pem(ec.generate_private_key(ec.SECP384R1())), "not a whole PEM key"),
    "other kind": ("coinbase", COINBASE_NAME, KRAKEN_SECRET, "Ed25519 key, with which trading is not possible"),
    "other kind, PEM": ("coinbase", COINBASE_NAME, pem(ED25519), "is not a whole PEM key"),
    "short": ("binance", BINANCE_KEY, BINANCE_SECRET[:-1], "neither 64 letters"),
    "short key": ("binance", BINANCE_KEY[:-1], BINANCE_SECRET, "the API key has not 64"),
    "ECDSA": ("binance", BINANCE_KEY, ECDSA_PEM, "neither 64 letters"),
}


@pytest.mark.parametrize(("exchange", "api_key", "secret"), GOOD.values(), ids=GOOD)
def test_good_keys_are_taken_as_the_exchange_wants_them(exchange: str, api_key: str, secret: str) -> None:
    keys = normalized(ExchangeKeys(api_key, secret))
    require_key_shape(exchange, keys)
    assert keys.api_key == api_key.strip()
    assert "\r" not in keys.secret
    assert "\\" not in keys.secret
    assert keys.secret == keys.secret.strip()


@pytest.mark.parametrize(("exchange", "api_key", "secret", "problem"), BAD.values(), ids=BAD)
def test_what_looks_wrong_is_said_and_not_shown(exchange: str, api_key: str, secret: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        require_key_shape(exchange, normalized(ExchangeKeys(api_key, secret)))
    shown = shown_by(caught.value) + caught.value.hint
    lines = [line for line in (api_key.strip(), *secret.split("\n")) if len(line) > 8 and "-----" not in line]
    assert not [line for line in lines if line in shown]


@pytest.mark.parametrize("exchange", ["kraken", "coinbase", "binance"])
def test_every_exchange_that_takes_real_orders_has_a_shape(exchange: str) -> None:
    venue_rules(exchange)
    with pytest.raises(ConfigError, match=f"these are not keys of {exchange}"):
        require_key_shape(exchange, ExchangeKeys("x", "y"))
