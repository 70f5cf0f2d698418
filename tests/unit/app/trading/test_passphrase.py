"""The passphrase that nobody types: from a systemd credential, else from a descriptor, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from secrets_in import shown_by

from autopilot.app.trading.passphrase import FD_VARIABLE, given_passphrase, passphrase_from, passphrase_pipe
from autopilot.domain.credentials import Passphrase
from autopilot.domain.errors import VaultLocked


@pytest.fixture
def pipe() -> Callable[[bytes], int]:
    """A descriptor that gives this; whoever reads it closes it."""

    def make(content: bytes) -> int:
        readable, writable = os.pipe()
        os.write(writable, content)
        os.close(writable)
        return readable

    return make


@pytest.fixture
def credentials(tmp_path: Path) -> Callable[[bytes], dict[str, str]]:
    def make(content: bytes) -> dict[str, str]:
        (tmp_path / "autopilot-passphrase").write_bytes(content)
        return {"CREDENTIALS_DIRECTORY": str(tmp_path)}

    return make


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"four random words", "four random words"),
        (b"four random words\n", "four random words"),
        (b"four random words\r\n", "four random words"),
        (b" blanks count ", " blanks count "),
        ("żółć słoń".encode(), "żółć słoń"),
        (b"x" * 1024, "x" * 1024),
    ],
)
def test_one_line_is_the_passphrase(pipe, credentials, content: bytes, text: str) -> None:
    assert given_passphrase(credentials(content)) == Passphrase(text)
    assert passphrase_from(pipe(content)) == Passphrase(text)


@pytest.mark.parametrize("content", [b"", b"\n", b"canary\ncanary", b"canary\xff", b"canary\0", b"c" * 1025])
def test_anything_else_is_refused_and_not_shown(pipe, credentials, content: bytes) -> None:
    descriptor = pipe(content)
    for environ in (credentials(content), {FD_VARIABLE: str(descriptor)}):
        with pytest.raises(VaultLocked, match=r"cannot be read from .*: it is empty, longer") as caught:
            given_passphrase(environ)
        assert "canary" not in shown_by(caught.value)
        assert "cccc" not in shown_by(caught.value)


def test_nobody_gave_one(tmp_path: Path) -> None:
    assert given_passphrase({}) is None
    assert given_passphrase({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None


def test_a_descriptor_is_read_once_and_forgotten(pipe) -> None:
    descriptor = pipe(b"by descriptor")
    environ = {FD_VARIABLE: str(descriptor), "OTHER": "kept"}
    assert given_passphrase(environ) == Passphrase("by descriptor")
    assert environ == {"OTHER": "kept"}
    assert not is_open(descriptor)
    assert given_passphrase(environ) is None


def test_a_credential_wins_and_the_descriptor_does_not_stay_open(pipe, credentials) -> None:
    descriptor = pipe(b"by descriptor")
    environ = {**credentials(b"by credential"), FD_VARIABLE: str(descriptor)}
    assert given_passphrase(environ) == Passphrase("by credential")
    assert FD_VARIABLE not in environ
    assert not is_open(descriptor)


@pytest.mark.parametrize(
    "number", ["", "x", "-1", "0", "2", "3.0", "٣", "１", "2147483648", "99999999999", "9" * 5_000]
)
def test_what_is_no_descriptor_of_ours_is_refused(number: str) -> None:
    with pytest.raises(VaultLocked, match="is not a descriptor number"):
        given_passphrase({FD_VARIABLE: number})
    assert is_open(2)


def test_a_descriptor_that_is_closed_is_named() -> None:
    with pytest.raises(VaultLocked, match="descriptor 9999: Bad file descriptor"):
        given_passphrase({FD_VARIABLE: "9999"})


def test_a_descriptor_that_is_closed_is_named_beside_a_credential_too(credentials) -> None:
    with pytest.raises(VaultLocked, match="descriptor 9999: Bad file descriptor"):
        given_passphrase({**credentials(b"by credential"), FD_VARIABLE: "9999"})


def test_a_terminal_is_refused_which_would_show_it() -> None:
    ours, theirs = os.openpty()
    with pytest.raises(VaultLocked, match="it is a terminal, which shows what is typed"):
        given_passphrase({FD_VARIABLE: str(theirs)})
    os.close(ours)


def test_a_credential_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "autopilot-passphrase").mkdir()
    with pytest.raises(VaultLocked, match="Is a directory"):
        given_passphrase({"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_pipe_hands_the_longest_on_without_a_reader() -> None:
    longest = Passphrase("x" * 1024)
    assert passphrase_from(passphrase_pipe(longest)) == longest
