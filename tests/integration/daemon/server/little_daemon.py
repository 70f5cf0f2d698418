"""A daemon whose service does next to nothing, or fails in the way that its second argument names."""

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autopilot.adapters.store import migration
from autopilot.app.trading.passphrase import given_passphrase
from autopilot.config.paths import find_paths
from autopilot.daemon.lifecycle import run_daemon
from autopilot.daemon.log import configure_logging
from autopilot.domain.errors import AutopilotError, StoreTooNew


class LittleService:
    def __init__(self, directory: Path, request_stop: Callable[[], None], mode: str) -> None:
        self._directory = directory
        self._request_stop = request_stop
        self._mode = mode
        passphrase = given_passphrase()
        self.trading = self.models = self.trainings = self.audit = self
        self.start = self.status = self.list = self.bootstrap_config = None
        self._told = hashlib.sha256(passphrase.encoded()).hexdigest() if passphrase else None

    def health(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "cwd": str(Path.cwd()), "session": os.getsid(0), "told": self._told}

    def commanded(self, *told: Any) -> None:
        return None

    async def await_database(self) -> None:
        return None

    async def stop(self, request: Any) -> dict[str, Any]:
        self._request_stop()
        return {"stopping": True}

    async def close(self) -> None:
        (self._directory / "closing").touch()
        if self._mode == "stubborn":
            await asyncio.sleep(60)
        (self._directory / "closed").touch()


def main() -> int:
    directory, mode = Path(sys.argv[1]), sys.argv[2]
    if mode == "crash":
        raise ZeroDivisionError("a bug at start")
    configure_logging()

    async def open_service(request_stop: Callable[[], None]) -> Any:
        (directory / "opening").touch()
        if mode == "refuse":
            raise StoreTooNew("the database is from the future", hint="upgrade")
        if mode == "migrating":
            for done in (1, 2):
                migration.log.warning("moved %d of 2", done)
        if mode == "slow":
            await asyncio.sleep(60)
        return LittleService(directory, request_stop, mode)

    try:
        asyncio.run(run_daemon(open_service, find_paths(None, directory, {})))
    except AutopilotError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
