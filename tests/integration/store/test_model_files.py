"""Model files on a real disk: whole or not there, and read only when nobody has touched them."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autopilot.adapters.models.files import ModelFiles
from autopilot.domain.errors import ModelError, StoreUnavailable

ID = "m-20260131-0123abcd"
TEXT = "tree\nversion=v4\nnum_class=1\nleaf_value=0.1 –\n" * 20
CARD = {"id": ID, "schema": "v1", "trials": 1, "serving": {"bounds": [0.1, 0.30000000000000004, 1e-300]}, "x": None}
OTHER_CARD = CARD | {"trials": 2}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


@pytest.fixture
def files(directory: Path) -> ModelFiles:
    return ModelFiles(directory)


def only(directory: Path, suffix: str) -> Path:
    [path] = directory.glob(f"*.{suffix}")
    return path


def refused(files: ModelFiles, digest: str, model_id: str = ID) -> str:
    with pytest.raises(ModelError) as caught:
        files.read(model_id, digest)
    assert caught.value.hint
    return str(caught.value)


def test_what_is_read_is_what_was_written(files: ModelFiles) -> None:
    digest = files.write(ID, TEXT, CARD)
    text, card = files.read(ID, digest)
    assert text == TEXT
    assert card == CARD | {"sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
    assert files.write(ID, TEXT, CARD) == digest, "the same model has the same digest"


def test_only_the_owner_may_read_them_whatever_the_umask(files: ModelFiles, directory: Path) -> None:
    before = os.umask(0)
    try:
        files.write(ID, TEXT, CARD)
        backup = files.backup(7)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert backup.stat().st_mode & 0o777 == 0o700
    found = [path for path in directory.rglob("*") if path.is_file()]
    assert len(found) == 4
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


def test_the_same_model_with_another_card_leaves_the_first_readable(files: ModelFiles) -> None:
    old, new = files.write(ID, TEXT, CARD), files.write(ID, TEXT, OTHER_CARD)
    assert old != new
    assert files.read(ID, old)[1]["trials"] == 1
    assert files.read(ID, new)[1]["trials"] == 2


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grown(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one bit": flipped,
    "cut": cut,
    "longer": grown,
    "emptied": lambda path: path.write_bytes(b""),
    "any bytes": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "removed": Path.unlink,
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a pipe that nobody writes to": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("suffix", ["txt", "json"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found(files: ModelFiles, directory: Path, suffix: str, damage: Callable[[Path], object]) -> None:
    digest = files.write(ID, TEXT, CARD)
    damage(only(directory, suffix))
    assert str(directory) in refused(files, digest)


def test_writing_again_repairs(files: ModelFiles, directory: Path) -> None:
    digest = files.write(ID, TEXT, CARD)
    flipped(only(directory, "txt"))
    assert files.write(ID, TEXT, CARD) == digest
    assert files.read(ID, digest)[0] == TEXT


def test_the_files_of_another_model(files: ModelFiles, directory: Path) -> None:
    digest = files.write(ID, TEXT, CARD)
    foreign = {path.suffix: path for path in directory.iterdir()}
    files.write("m-other", TEXT + "more", CARD)
    for path in directory.glob("m-other.*"):
        foreign[path.suffix].write_bytes(path.read_bytes())
    assert "were altered after its training" in refused(files, digest)


@pytest.mark.parametrize("suffix", ["txt", "json"])
@pytest.mark.parametrize("outside", [True, False], ids=["outside", "inside"])
def test_a_link_is_not_followed(files: ModelFiles, directory: Path, tmp_path: Path, suffix: str, outside: bool) -> None:
    digest = files.write(ID, TEXT, CARD)
    path = only(directory, suffix)
    moved = path.rename((tmp_path if outside else directory) / f"moved.{suffix}")
    path.symlink_to(moved)
    assert "is not a plain file" in refused(files, digest)


@pytest.mark.parametrize("model_id", ["", "../m-1", "/etc/passwd", "m/1", "M-1", "m.1", "m 1", "m-1\n", "m*", "a" * 65])
def test_an_id_that_could_lead_elsewhere(files: ModelFiles, directory: Path, model_id: str) -> None:
    for ask in (
        lambda: files.write(model_id, TEXT, CARD),
        lambda: files.read(model_id, "0" * 64),
        lambda: files.remove(model_id),
    ):
        with pytest.raises(ModelError) as caught:
            ask()
        assert caught.value.hint
    assert not directory.exists()


@pytest.mark.parametrize("digest", ["", "0" * 63, "../../../../../../" + "0" * 46, "Z" * 64])
def test_a_digest_that_is_none(files: ModelFiles, digest: str) -> None:
    files.write(ID, TEXT, CARD)
    assert "is not a SHA-256" in refused(files, digest)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"{}", json.dumps({"sha256": "0" * 64}).encode()],
    ids=["cut JSON", "a list", "no text", "too deep", "no digest", "another's digest"],
)
def test_a_card_that_is_none_even_with_the_right_digest(files: ModelFiles, directory: Path, content: bytes) -> None:
    text = TEXT.encode()
    digest = hashlib.sha256(hashlib.sha256(text).digest() + content).hexdigest()
    files.write(ID, TEXT, CARD)
    only(directory, "txt").rename(directory / f"{ID}.{digest[:12]}.txt")
    (directory / f"{ID}.{digest[:12]}.json").write_bytes(content)
    refused(files, digest)


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", {1, 2}])
def test_a_card_that_is_no_json_is_not_kept(files: ModelFiles, directory: Path, value: object) -> None:
    with pytest.raises(ModelError, match=ID):
        files.write(ID, TEXT, CARD | {"value": value})
    assert not directory.exists()


def test_a_removed_model_is_gone_and_no_other(files: ModelFiles, directory: Path) -> None:
    files.write(ID, TEXT, CARD)
    digests = [files.write(ID, TEXT, OTHER_CARD), files.write(f"{ID}-2", TEXT, CARD)]
    (directory / f".{ID}.0123.txt.77").write_text("left by a crash")
    files.remove(ID)
    assert "missing" in refused(files, digests[0])
    assert files.read(f"{ID}-2", digests[1])[0] == TEXT
    assert len(list(directory.iterdir())) == 2
    files.remove(ID)


def test_a_backup_can_be_read_and_lives_on(files: ModelFiles, directory: Path, tmp_path: Path) -> None:
    digests = {name: files.write(name, TEXT + name, CARD) for name in ("m-1", "m-2")}
    (directory / "m-3.txt").symlink_to(tmp_path)
    (directory / ".m-1.txt.77").write_text("left by a crash")
    backup = files.backup(1_714_521_600_000)
    for name in digests:
        files.remove(name)
    assert backup == directory / "backup-1714521600000"
    assert len(list(backup.iterdir())) == 4
    for name, digest in digests.items():
        assert ModelFiles(backup).read(name, digest)[0] == TEXT + name
    with pytest.raises(StoreUnavailable) as caught:
        files.backup(1_714_521_600_000)
    assert caught.value.hint
    assert [path.name for path in directory.iterdir() if path.name.startswith(".backup")] == []


def test_a_backup_of_nothing(files: ModelFiles) -> None:
    assert list(files.backup(1).iterdir()) == []


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    files = ModelFiles(tmp_path / "file")
    for ask in (lambda: files.write(ID, TEXT, CARD), lambda: files.backup(1)):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert caught.value.hint
    refused(files, "0" * 64)


DYING_WRITER = """
import json, os, signal, sys
from pathlib import Path
from autopilot.adapters.models.files import ModelFiles

death, when, calls = int(sys.argv[2]), sys.argv[3], 0

def mortal(call):
    def wrapped(*arguments, **named):
        global calls
        calls += 1
        if calls == death and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **named)
        if calls == death:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapped

for name in ("open", "fsync", "replace"):
    setattr(os, name, mortal(getattr(os, name)))
given = json.load(sys.stdin)
ModelFiles(Path(sys.argv[1])).write(*given)
print(calls)
"""


def write_and_die(directory: Path, given: list[object], death: int, when: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DYING_WRITER, directory, str(death), when],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def readable(files: ModelFiles, model_id: str, digest: str) -> bool:
    try:
        return files.read(model_id, digest)[0] == TEXT
    except ModelError:
        return False


@pytest.mark.parametrize("card", [CARD, OTHER_CARD], ids=["the first", "the same model again"])
def test_a_death_at_any_moment_leaves_the_old_model_or_the_whole_new_one(
    files: ModelFiles, tmp_path: Path, directory: Path, card: dict[str, object]
) -> None:
    model_id = "m-new" if card is CARD else ID
    whole = write_and_die(tmp_path / "elsewhere", [model_id, TEXT, card], 0, "")
    moments = int(whole.stdout)
    new = ModelFiles(tmp_path / "elsewhere").write(model_id, TEXT, card)
    assert moments >= 8, "two files: each opened, synced and renamed; then the directory"
    old = files.write(ID, TEXT, CARD)
    is_whole = []
    for death in range(1, moments + 1):
        for when in ("before", "after"):
            assert write_and_die(directory, [model_id, TEXT, card], death, when).returncode == -9
            assert files.read(ID, old) == (TEXT, CARD | {"sha256": hashlib.sha256(TEXT.encode()).hexdigest()})
            is_whole.append(readable(files, model_id, new))
            for path in directory.glob(f"{model_id}.{new[:12]}.*"):
                path.unlink()
    assert is_whole == sorted(is_whole), "once it is whole it stays so"
    assert set(is_whole) == {False, True}
    assert files.write(model_id, TEXT, card) == new
    assert files.read(model_id, new)[0] == TEXT
    files.remove(model_id)
    assert list(directory.glob(f".{model_id}.*")) == [], "what the dead left is swept up"
