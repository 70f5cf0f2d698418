"""A Unix socket that only its owner can reach. It replaces a stale socket, never one in use, and is removed at the end.

The caller holds the data directory's lock, so no other process does this at the same time.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from autopilot.control.errors import SocketUnusable
from autopilot.control.peer import Peer

PROBE_TIMEOUT_S = 2.0
BACKLOG = 512
_UCRED = struct.Struct("3i")


class PrivateSocket(NamedTuple):
    """Bound and listening; ``device`` and ``inode`` tell our file from another of the same name."""

    listening: socket.socket
    path: Path
    device: int
    inode: int

    def remove(self) -> None:
        """Unlink the file if it is still ours."""
        with suppress(FileNotFoundError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                self.path.unlink()


def listen_privately(path: Path) -> PrivateSocket:
    """Listen on a socket of mode 0600 in a directory of mode 0700.

    Raises SocketUnusable if another process listens there, if the path is not a socket, or if the system refuses.
    """
    try:
        _own_directory(path.parent)
        _clear(path)
        return _bind(path)
    except OSError as error:
        raise SocketUnusable(
            f"cannot listen on {path}: {error.strerror or error}",
            hint="choose another data directory with --data-dir or AUTOPILOT_DATA_DIR",
        ) from error


def peer_of(connection: socket.socket) -> Peer:
    """The process and user that connected, from the kernel (unix(7), SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(credentials)
    return Peer(pid, uid)


def _own_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise SocketUnusable(
            f"the directory {directory} belongs to another user", hint="choose another with AUTOPILOT_DATA_DIR"
        )
    directory.chmod(0o700)


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketUnusable(f"{path} is in the way: it is not a socket", hint="move it away")
    if _is_live(path):
        raise SocketUnusable(
            f"another process is listening on {path}", hint="stop it first, or choose another AUTOPILOT_DATA_DIR"
        )
    path.unlink(missing_ok=True)


def _is_live(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            # Its queue is full, so a process is listening.
            return True
    return True


def _bind(path: Path) -> PrivateSocket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        listening.listen(BACKLOG)
        listening.setblocking(False)
        found = path.lstat()
    except OSError:
        listening.close()
        raise
    return PrivateSocket(listening, path, found.st_dev, found.st_ino)
