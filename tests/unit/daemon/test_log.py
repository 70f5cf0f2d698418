import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from autopilot.daemon.log import configure_logging
from autopilot.daemon.spawn import rotate


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("ccxt", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_lines_go_to_standard_error_with_utc_time(root_logger: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    values = {"name": "x", "levelno": 20, "levelname": "INFO", "msg": "said", "created": 0.25, "msecs": 250.0}
    record = logging.makeLogRecord(values)
    logging.getLogger().handle(record)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "1970-01-01T00:00:00.250Z INFO    x: said\n"


def test_what_ccxt_says_at_debug_level_is_never_written(root_logger: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.DEBUG)
    logging.getLogger("ccxt.base.exchange").debug("headers with an API key")
    logging.getLogger("autopilot.engine").debug("ours")
    captured = capsys.readouterr()
    assert "API key" not in captured.err
    assert "ours" in captured.err


def test_a_large_log_is_set_aside_and_a_small_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "autopilot.log"
    rotate(log, 10)
    log.write_text("0123456789")
    rotate(log, 10)
    assert log.exists()
    log.write_text("0123456789+")
    rotate(log, 10)
    assert not log.exists()
    assert (tmp_path / "autopilot.log.1").read_text() == "0123456789+"
