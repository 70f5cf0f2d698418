"""The first reading of a model's files, in a process of its own: a malformed model can end the process that reads it.

Run as a program it reads the model's text from standard input; its argument is the number of the model's inputs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from autopilot.adapters.models.files import RETRAIN
from autopilot.domain.errors import ModelDamaged, ModelError

FIRST_READER = (sys.executable, "-P", "-m", "autopilot.adapters.models.first_reading")
LIMIT_S = 60.0
"""The longest that a reading may take, on a slow machine that is busy."""
SHOWN = 300
"""Characters of the error of a reader that are shown."""


def library() -> str:
    """The library that reads models, with its version: another one may fail where this one does not."""
    return f"lightgbm {version('lightgbm')}"


def try_model(text: str, inputs: int) -> None:
    """Read the model and let it decide about a row of zeros, in this process. Raises ModelError, or ends it."""
    import numpy as np

    from autopilot.training.model.ensemble import Ensemble

    ensemble, row = Ensemble.from_text(text), np.zeros((1, inputs))
    ensemble.predict(row)
    ensemble.contributions(row, 0)


async def read_elsewhere(model_id: str, text: str, inputs: int, reader: Sequence[str]) -> None:
    """Let the program ``reader`` do `try_model`. Raises ModelDamaged if it fails, dies or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *reader,
        str(inputs),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            _, errors = await process.communicate(text.encode())
    except TimeoutError:
        raise _unreadable(model_id, f"the process that read it did not end within {LIMIT_S:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise _unreadable(model_id, _end_of(process.returncode, errors.decode(errors="replace")))


def _end_of(code: int, errors: str) -> str:
    if code < 0:
        return f"the process that read it was killed by {signal.Signals(-code).name}"
    last = (errors.strip().splitlines() or ["no error message"])[-1]
    return f"the process that read it ended with exit code {code}: {last[:SHOWN]}"


def _unreadable(model_id: str, problem: str) -> ModelDamaged:
    return ModelDamaged(f"model {model_id} cannot be read: {problem}", hint=f"autopilot restart tries again; {RETRAIN}")


def _run() -> None:
    """The reading process: it ends before others where memory runs out, and writes no core dump."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        try_model(sys.stdin.read(), int(sys.argv[1]))
    except ModelError as error:
        sys.exit(str(error))
    # Threads of a library must not delay the end.
    os._exit(0)


if __name__ == "__main__":
    _run()
