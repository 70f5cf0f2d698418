"""Where Autopilot's files are. Imports almost nothing, because every command starts here."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from autopilot.adapters.lock import LOCK_NAME
from autopilot.config.socket_place import SOCKET_PARTS, SOCKET_PATH_MAX
from autopilot.domain.errors import ConfigError

CONFIG_NAME = "autopilot.toml"


class Paths(NamedTuple):
    """Absolute paths. One daemon owns one ``data_dir``."""

    config_file: Path
    """Written by the user, never by Autopilot."""
    overrides_file: Path
    """Written by `autopilot config set`."""
    data_dir: Path
    database: Path
    audit_head: Path
    """The audit log's anchor: number and hash of its last row."""
    vault: Path
    """The exchange keys, encrypted."""
    models_dir: Path
    scores_dir: Path
    """The cached scores of models in backtests; may be deleted at any time."""
    socket: Path
    lock_file: Path
    log_file: Path
    state_dir: Path


def find_paths(
    config: Path | None = None, data_dir: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Paths:
    """The paths to use. Arguments win over AUTOPILOT_CONFIG and AUTOPILOT_DATA_DIR, which win over the defaults.

    A named data directory holds everything, also the configuration file unless that is named too. By default the files
    are in the platform's directories for configuration, data and state. The socket is always in the data directory: a
    runtime directory is deleted when its user logs out, while the daemon goes on.

    Raises ConfigError if a named configuration file does not exist, or if the socket's path is too long.
    """
    named_data = data_dir or _path(environ.get("AUTOPILOT_DATA_DIR"))
    named_config = config or _path(environ.get("AUTOPILOT_CONFIG"))
    if named_data:
        data = _absolute(named_data)
        state, default_config = data / "state", data / CONFIG_NAME
    else:
        import platformdirs

        data = platformdirs.user_data_path("autopilot", appauthor=False)
        state = platformdirs.user_state_path("autopilot", appauthor=False)
        default_config = platformdirs.user_config_path("autopilot", appauthor=False) / CONFIG_NAME
    if named_config:
        named_config = _absolute(named_config)
        if not named_config.exists():
            raise ConfigError(
                f"there is no configuration file {named_config}",
                hint="check --config and AUTOPILOT_CONFIG; without them Autopilot uses its defaults",
            )
    return Paths(
        config_file=named_config or default_config,
        overrides_file=data / "overrides.toml",
        data_dir=data,
        database=data / "autopilot.db",
        audit_head=data / "audit.head",
        vault=data / "keys.json",
        models_dir=data / "models",
        scores_dir=data / "scores",
        socket=_socket(data.joinpath(*SOCKET_PARTS)),
        lock_file=data / LOCK_NAME,
        log_file=state / "autopilot.log",
        state_dir=state,
    )


def create_directories(paths: Paths) -> None:
    """Create missing directories, for the owner only. Raises ConfigError if a directory cannot be created or written,
    or if another user could replace files in it."""
    for directory in (paths.data_dir, paths.state_dir, paths.socket.parent):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot create the directory {directory}: {error.strerror}",
                hint="choose another with --data-dir or AUTOPILOT_DATA_DIR",
            ) from error
        _require_own(directory)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(
                f"the directory {directory} cannot be written by this user",
                hint="change its owner or mode, or choose another with --data-dir or AUTOPILOT_DATA_DIR",
            )


def _require_own(directory: Path) -> None:
    """Raises ConfigError if another user owns the directory or can write in it."""
    found = directory.stat()
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"the directory {directory} belongs to another user",
            hint="run this as its owner, or choose another with --data-dir or AUTOPILOT_DATA_DIR",
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users can write in the directory {directory}: its mode is {stat.S_IMODE(found.st_mode):04o}",
            hint=f"chmod go-w {directory}",
        )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _socket(path: Path) -> Path:
    length = len(os.fsencode(path))
    if length > SOCKET_PATH_MAX:
        raise ConfigError(
            f"the socket's path {path} has {length} bytes, the system allows {SOCKET_PATH_MAX}",
            hint="choose a shorter data directory with --data-dir or AUTOPILOT_DATA_DIR",
        )
    return path
