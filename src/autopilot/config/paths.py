"""Where everything lies on this machine. Imports next to nothing: every command starts here."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from autopilot.domain.errors import ConfigError

SOCKET_PATH_MAX = 107
"""Bytes; the kernel's limit for the path of a Unix socket (unix(7): sun_path is 108 with its final zero)."""

CONFIG_NAME = "autopilot.toml"


class Paths(NamedTuple):
    """All absolute. One daemon owns one ``data_dir``."""

    config_file: Path
    """Written by people, never by us."""
    overrides_file: Path
    """Written by `autopilot config set`."""
    data_dir: Path
    database: Path
    audit_head: Path
    """The audit log's anchor: its last row's number and hash."""
    vault: Path
    """The exchange keys, encrypted."""
    models_dir: Path
    socket: Path
    lock_file: Path
    log_file: Path
    state_dir: Path


def find_paths(
    config: Path | None = None, data_dir: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Paths:
    """The arguments win over AUTOPILOT_CONFIG and AUTOPILOT_DATA_DIR, these over the user's own directories.

    A data directory that is named holds everything, the configuration too unless that is named as well. Otherwise
    configuration, data and state lie where the platform keeps them. The socket lies in the data directory in any
    case: a runtime directory vanishes when its user logs out, the daemon does not.

    Raises ConfigError when a named configuration file does not exist, or when the socket's path is too long.
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
                hint="check --config and AUTOPILOT_CONFIG; without them the defaults apply",
            )
    return Paths(
        config_file=named_config or default_config,
        overrides_file=data / "overrides.toml",
        data_dir=data,
        database=data / "autopilot.db",
        audit_head=data / "audit.head",
        vault=data / "keys.json",
        models_dir=data / "models",
        socket=_socket(data / "run" / "autopilot.sock"),
        lock_file=data / "autopilot.lock",
        log_file=state / "autopilot.log",
        state_dir=state,
    )


def create_directories(paths: Paths) -> None:
    """Make what is missing, for the owner only. Raises ConfigError when that cannot be, when one cannot be written, or
    when another user could put files of theirs in the place of ours."""
    for directory in (paths.data_dir, paths.state_dir, paths.socket.parent):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"cannot make the directory {directory}: {error.strerror}",
                hint="choose another with --data-dir or AUTOPILOT_DATA_DIR",
            ) from error
        _require_own(directory)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(
                f"the directory {directory} cannot be written by this user",
                hint="change its owner or mode, or choose another with --data-dir or AUTOPILOT_DATA_DIR",
            )


def _require_own(directory: Path) -> None:
    """Raises ConfigError."""
    found = directory.stat()
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"the directory {directory} belongs to another user",
            hint="run this as its owner, or choose another with --data-dir or AUTOPILOT_DATA_DIR",
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users may write in the directory {directory}, its mode is {stat.S_IMODE(found.st_mode):04o}",
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
            f"the socket's path {path} has {length} bytes; the system allows {SOCKET_PATH_MAX}",
            hint="choose a shorter data directory with --data-dir or AUTOPILOT_DATA_DIR",
        )
    return path
