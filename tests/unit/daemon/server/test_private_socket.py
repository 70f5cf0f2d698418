import os
import socket
from pathlib import Path

import pytest

from autopilot.control.errors import SocketUnusable
from autopilot.control.peer import Peer
from autopilot.daemon.server.private_socket import listen_privately, peer_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "d.sock"


def test_only_the_owner_can_reach_it_whatever_the_umask(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        made = listen_privately(path)
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    made.listening.close()


def test_the_kernel_says_who_is_at_the_other_end(path: Path) -> None:
    made = listen_privately(path)
    with made.listening, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        connection, _ = made.listening.accept()
        with connection:
            assert peer_of(connection) == Peer(os.getpid(), os.geteuid())


def test_a_stale_socket_is_replaced(path: Path) -> None:
    listen_privately(path).listening.close()
    assert path.exists()
    with listen_privately(path).listening, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_live_socket_is_never_taken_over(path: Path) -> None:
    made = listen_privately(path)
    with made.listening:
        inode = path.stat().st_ino
        with pytest.raises(SocketUnusable, match="another process is listening"):
            listen_privately(path)
        assert path.stat().st_ino == inode


def test_a_live_socket_with_a_full_queue_is_still_live(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as waiting:
        listening.bind(str(path))
        listening.listen(0)
        waiting.connect(str(path))
        with pytest.raises(SocketUnusable, match=r"another process is listening|cannot listen"):
            listen_privately(path)
        assert path.exists()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/dev/null"), os.mkfifo])
def test_what_is_not_a_socket_is_never_removed(path: Path, make: object) -> None:
    path.parent.mkdir()
    make(path)  # type: ignore[operator]
    with pytest.raises(SocketUnusable, match="it is not a socket"):
        listen_privately(path)
    assert os.path.lexists(path)


def test_removing_leaves_another_daemons_socket_alone(path: Path) -> None:
    mine = listen_privately(path)
    mine.listening.close()
    path.rename(path.with_name("kept"))
    theirs = listen_privately(path)
    mine.remove()
    assert path.exists()
    theirs.listening.close()
    theirs.remove()
    theirs.remove()
    assert not path.exists()


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SocketUnusable, match="too long"):
        listen_privately(tmp_path / ("x" * 120))
