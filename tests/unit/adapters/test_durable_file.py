"""Files that are written whole, and by one process at a time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from autopilot.adapters import durable_file
from autopilot.adapters.durable_file import locked, storing, write_durably, write_file
from autopilot.domain.errors import StoreFull, StoreUnavailable


def test_what_lies_where_the_draft_will_be_is_not_written_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    (tmp_path / f".file.{os.getpid()}").symlink_to(elsewhere)
    write_durably(tmp_path / "file", b"ours", "the file")
    assert ((tmp_path / "file").read_text(), elsewhere.read_text()) == ("ours", "theirs")
    assert not (tmp_path / "file").is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["elsewhere", "file"]


def test_a_new_file_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for taken in (tmp_path / "link", tmp_path):
        with pytest.raises(FileExistsError):
            write_file(taken, b"ours")
    assert not (tmp_path / "elsewhere").exists()


def test_who_does_not_come_to_an_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable_file, "LONGEST_S", 0.0)
    with (
        locked(tmp_path),
        pytest.raises(StoreUnavailable, match="another process has been changing files"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        pass


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EACCES, StoreUnavailable)],
    ids=errno.errorcode.get,
)
def test_a_full_disk_is_told_from_other_failures(number: int, kind: type[StoreUnavailable]) -> None:
    with pytest.raises(StoreUnavailable) as caught, storing("the file cannot be written"):
        raise OSError(number, os.strerror(number))
    assert type(caught.value) is kind
    assert ("make room" in caught.value.hint) is (kind is StoreFull)
