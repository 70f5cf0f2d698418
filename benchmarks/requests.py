"""40,000 broken requests to a real daemon, made from seeds: what it answers, and whether it is the same afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from autopilot.config.paths import find_paths
from autopilot.control.client import ControlClient
from autopilot.control.protocol import API, HEALTH
from benchmarks.running import autopilot, configured, daemon

PROGRAM = Path(__file__).parents[1] / "tests" / "stand_ins" / "mutated_requests.py"
REQUESTS, WARM_UP = 40_000, 500
GROWTH_MOST_MB = 20.0
STATUS_MOST_MS = 500.0
SETTINGS = {"symbols": ["BTC/USD"], "exchange": "simulated", "simulated": {"speed": 0.0, "end": "2024-01-02T00:00:00Z"}}


def main(arguments: list[str]) -> int:
    """``arguments``: how many requests. Returns 1 if an answer was 500 or not whole, if the log has a traceback, or if
    the daemon grew, ended or became slow."""
    count = int(arguments[0]) if arguments else REQUESTS
    with configured(SETTINGS) as directory:
        autopilot(directory, "start")
        client, paths = daemon(directory), find_paths(None, directory, {})
        pid = client.get(HEALTH)["pid"]
        answers, places = Counter[str](), dict[str, list[int]]()
        _send(paths.socket, 0, WARM_UP, answers, places)
        before_mb = _resident_mb(pid)
        begin = time.perf_counter()
        _send(paths.socket, WARM_UP, count, answers, places)
        seconds = time.perf_counter() - begin
        after_mb, status_ms = _resident_mb(pid), _status_ms(client)
        tracebacks = paths.log_file.read_text(errors="replace").count("Traceback")
        lines = paths.log_file.read_text(errors="replace").count("\n")
        same = client.get(HEALTH)["pid"] == pid
    print(f"\n{WARM_UP + count:,} broken requests, the last {count:,} in {seconds:.0f} s")
    for answer, number in answers.most_common():
        print(f"  {answer:<44} {number:>9,}   such as seed {', '.join(map(str, places[answer][:3]))}")
    print(f"  {'lines in the log':<44} {lines:>9,}")
    print(f"  {'tracebacks in the log':<44} {tracebacks:>9,}")
    print(f"  {'memory before and after, MB':<44} {before_mb:>9.0f} {after_mb:.0f}")
    print(f"  {'status afterwards, ms':<44} {status_ms:>9.0f}")
    bad = sum(number for answer, number in answers.items() if answer.startswith(("500", "not", "no answer")))
    is_sound = (
        not bad and not tracebacks and same and after_mb - before_mb < GROWTH_MOST_MB and status_ms < STATUS_MOST_MS
    )
    print("sound" if is_sound else "NOT SOUND")
    return 0 if is_sound else 1


def _send(socket: Path, first: int, count: int, answers: Counter[str], places: dict[str, list[int]]) -> None:
    command = [sys.executable, str(PROGRAM), str(socket), str(first), str(count)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    for answer, (number, *seeds) in json.loads(output).items():
        answers[answer] += number
        places.setdefault(answer, []).extend(seeds)


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _status_ms(client: ControlClient) -> float:
    begin = time.perf_counter()
    client.get(f"{API}/status")
    return (time.perf_counter() - begin) * 1000
