"""ccxt's base module signs the same without having imported what it signs with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from autopilot.adapters.exchange.ccxt_base import BASE, BaseLoader
from autopilot.adapters.exchange.ccxt_import import exchange_class

KEYS: dict[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def pem(name: str) -> str:
    return str(KEYS[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def exchange(loader: type[SourceFileLoader]) -> Any:
    """ccxt's base class, from a module of its own."""
    exchange_class("kraken")
    found = find_spec(BASE)
    assert found is not None
    assert isinstance(found.loader, SourceFileLoader)
    spec = spec_from_loader("base_of_ccxt", loader("base_of_ccxt", found.loader.path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Exchange


@pytest.fixture(scope="module")
def classes() -> tuple[Any, Any]:
    """(as we import it, as ccxt imports it)"""
    return exchange(BaseLoader), exchange(SourceFileLoader)


@pytest.mark.parametrize(
    "signed",
    [
        lambda of: of.ecdsa("some text", pem("ec"), "p256", "sha256"),
        lambda of: of.ecdsa("some text", "1f" * 32, "p384", "sha384"),
        lambda of: of.rsa("some text", pem("rsa"), "sha256"),
        lambda of: of.eddsa(b"some text", pem("ed25519")),
        lambda of: of.eddsa(b"some text", b"k" * 32, url_encode=True),
        lambda of: of.jwt({"iss": "me"}, of.encode(pem("ec")), "sha256", False, {"alg": "ES256"}),
        lambda of: of.hmac(b"some text", b"secret"),
    ],
)
def test_every_signature_is_the_same(classes: tuple[Any, Any], signed: Callable[[Any], object]) -> None:
    ours, theirs = classes
    assert signed(ours) == signed(theirs)


def test_a_signature_by_rsa_with_a_random_salt_is_made(classes: tuple[Any, Any]) -> None:
    assert len(classes[0].rsa("some text", pem("rsa"), "sha512", "pss")) == len(
        classes[1].rsa("some text", pem("rsa"), "sha512", "pss")
    )


def test_importing_an_exchange_takes_no_library_for_signing_along() -> None:
    program = (
        "import sys\n"
        "from autopilot.adapters.exchange.ccxt_import import exchange_class\n"
        "exchange_class('coinbase')({})\n"
        "print('cryptography' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False"]
