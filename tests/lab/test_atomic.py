# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written whole or not at all, and never over what is no file."""

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import threading

import pytest
from sr2cnn_learn.atomic import is_stream, new_part, output_file, whole_file, write_atomically

PART = re.compile(r"\.a\.[0-9a-f]{16}\.part")


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_old_or_new_and_links_stay(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    link.symlink_to(path)
    write_atomically(link, "old")  # it leads nowhere yet
    assert link.is_symlink() and path.read_text() == "old"
    write_atomically(link, b"new")
    assert link.is_symlink() and path.read_text() == "new"
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800" * 10)
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b"half")
        file.flush()
        1 / 0  # noqa: B018
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a", "link"]


def test_permissions(tmp_path):
    path = tmp_path / "a"
    before = os.umask(0o027)
    try:
        write_atomically(path, "1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_atomically(path, "2")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
        if os.geteuid() == 0:  # as with sudo: the file stays its owner's
            os.chown(path, 1234, 4321)
            write_atomically(path, "3")
            assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)
    finally:
        os.umask(before)


def test_what_is_no_file_is_not_replaced(tmp_path):
    pipe, link, folder = tmp_path / "pipe", tmp_path / "link", tmp_path / "folder"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    folder.mkdir()
    leader, terminal = os.openpty()
    for path in (pipe, link, os.ttyname(terminal)):
        with pytest.raises(OSError, match="is no regular file") as caught:
            write_atomically(path, "x")
        assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        write_atomically(folder, "x")
    os.close(leader), os.close(terminal)
    assert names(tmp_path) == ["folder", "link", "pipe"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_nothing_planted_is_written_to(tmp_path, monkeypatch):
    """A link at the name that the temporary file would have, even if it were known."""
    path, victim = tmp_path / "a", tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".a.part").symlink_to(victim)
    (tmp_path / f".a.{'0' * 16}.part").symlink_to(victim)
    monkeypatch.setattr("secrets.token_hex", lambda n: "0" * 2 * n)
    with pytest.raises(FileExistsError):
        write_atomically(path, "x")
    monkeypatch.undo()
    write_atomically(path, "x")
    assert path.read_text() == "x" and victim.read_text() == "mine"


KILLED = """
import os, signal, sys
from sr2cnn_learn.atomic import write_atomically
os.replace = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(sys.argv[1], "killed")
"""


def test_what_the_killed_leave_does_not_pile_up(tmp_path):
    path = tmp_path / "a"
    others = tmp_path / ".ab.0123456789abcdef.part"  # of another file
    others.write_text("")
    for _ in range(3):
        killed = subprocess.run([sys.executable, "-c", KILLED, path])
        assert killed.returncode == -signal.SIGKILL
        assert len(list(filter(PART.fullmatch, names(tmp_path)))) == 1
    with whole_file(path) as mine:  # one at work is none that was left
        mine.write(b"mine")
        write_atomically(path, "other")
        assert path.read_text() == "other"
        assert len(list(filter(PART.fullmatch, names(tmp_path)))) == 1
    assert path.read_text() == "mine"
    assert names(tmp_path) == [others.name, "a"]


def test_many_writers_at_once(tmp_path):
    path, failed = tmp_path / "a", []

    def write(k):
        try:
            for _ in range(30):
                write_atomically(path, f"{k}" * 10_000)
        except Exception as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(k,)) for k in range(6)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            text = path.read_text()
            assert len(text) == 10_000 and len(set(text)) == 1
    assert not failed and names(tmp_path) == ["a"]


@pytest.mark.parametrize("removed", [True, False])
def test_a_part_that_was_taken_for_left_over_is_made_anew(tmp_path, monkeypatch, removed):
    """Another writer may look between the making of the file and its lock: it has removed it, or is about to."""
    from sr2cnn_learn import atomic

    path, lock, met = tmp_path / "a", atomic.lock, []

    def late(descriptor):
        if not met:
            (part,) = filter(PART.fullmatch, names(tmp_path))
            other = os.open(tmp_path / part, os.O_RDWR)
            assert lock(other)
            met.extend((part, other))
            if removed:
                os.unlink(tmp_path / part)
                os.close(other)
        return lock(descriptor)

    monkeypatch.setattr(atomic, "lock", late)
    part, descriptor = new_part(path)
    assert part.exists() and part.name != met[0]
    os.close(descriptor)
    if not removed:
        os.close(met[1])


def test_results_go_into_pipes_terminals_and_descriptors(tmp_path):
    pipe, link, path = tmp_path / "pipe", tmp_path / "link", tmp_path / "a"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    read_end, write_end = os.pipe()
    leader, terminal = os.openpty()
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for target, end in (
        (pipe, reader),
        (link, reader),
        (f"/dev/fd/{write_end}", read_end),
        (os.ttyname(terminal), leader),
    ):
        assert is_stream(target)
        with output_file(target) as file:
            file.write(b"result")
        assert os.read(end, 100) == b"result"
    path.write_text("before\n")
    with open(path, "ab") as appended:  # as a shell's >>
        assert is_stream(f"/dev/fd/{appended.fileno()}")
        with output_file(f"/proc/self/fd/{appended.fileno()}") as file:
            file.write(b"behind\n")
    assert path.read_text() == "before\nbehind\n"
    assert not is_stream(path) and not is_stream(tmp_path) and not is_stream(tmp_path / "none")
    for descriptor in (read_end, write_end, leader, terminal, reader):
        os.close(descriptor)


def test_links_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError) as caught, output_file(tmp_path / "a"):
        pass
    assert caught.value.errno == errno.ELOOP
