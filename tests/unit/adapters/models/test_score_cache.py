"""The cache of scores: what it returns was saved under the same key, or it returns nothing."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.models.score_cache import ScoreCache

ARRAYS = {"group": np.arange(5), "edge": np.array([0.1, np.nan, -np.inf]), "limit": np.array(0.04)}


def key(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def assert_same(found: dict[str, np.ndarray] | None, arrays: dict[str, np.ndarray] = ARRAYS) -> None:
    assert found is not None
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    ScoreCache(tmp_path / "scores").save(key("a"), ARRAYS)
    assert_same(ScoreCache(tmp_path / "scores").load(key("a")))
    assert ScoreCache(tmp_path / "scores").load(key("b")) is None


def test_only_their_owner_may_read_them(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path / "scores")
    cache.save(key("a"), ARRAYS)
    (file,) = (tmp_path / "scores").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "scores", file)] == [0o700, 0o600]


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "of another key", "link", "directory"])
def test_a_damaged_file_is_dropped_and_replaced(tmp_path: Path, damage: str) -> None:
    cache = ScoreCache(tmp_path)
    cache.save(key("a"), ARRAYS)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    match damage:
        case "truncated":
            file.write_bytes(content[:-1])
        case "empty":
            file.write_bytes(b"")
        case "flipped":
            file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        case "of another key":
            file.rename(file.with_name(file.name.replace(key("a"), key("b"))))
        case "link":
            file.rename(tmp_path / "elsewhere")
            file.symlink_to(tmp_path / "elsewhere")
        case _:
            file.unlink()
            file.mkdir()
    wanted = key("b" if damage == "of another key" else "a")
    assert cache.load(wanted) is None
    if damage != "directory":
        cache.save(wanted, ARRAYS)
        assert_same(cache.load(wanted))


def test_the_files_not_used_for_longest_are_deleted(tmp_path: Path) -> None:
    ScoreCache(tmp_path).save(key("0"), ARRAYS)
    size = next(tmp_path.iterdir()).stat().st_size
    cache = ScoreCache(tmp_path, most_bytes=3 * size)
    for number in range(3):
        cache.save(key(str(number)), ARRAYS)
        os.utime(tmp_path / f"{key(str(number))}.npz", ns=(number, number))
    (tmp_path / ".draft.1").write_bytes(b"left by a killed process")
    os.utime(tmp_path / ".draft.1", ns=(0, 0))
    assert cache.load(key("0")), "used last"
    cache.save(key("3"), ARRAYS)
    assert {name for name in "0123" if cache.load(key(name))} == {"0", "2", "3"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_disk_that_refuses_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "scores").write_text("a file where the directory should be")
    cache = ScoreCache(tmp_path / "scores")
    cache.save(key("a"), ARRAYS)
    assert cache.load(key("a")) is None


def test_several_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    ScoreCache(tmp_path).save(key("0"), ARRAYS)
    size = next(tmp_path.iterdir()).stat().st_size

    def use(number: int) -> None:
        cache = ScoreCache(tmp_path, most_bytes=4 * size)
        for step in range(10):
            name = key(str((number + step) % 7))
            found = cache.load(name)
            if found:
                assert_same(found)
            else:
                cache.save(name, ARRAYS)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
