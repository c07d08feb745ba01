"""Versions, arguments, stderr and child processes, each by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from chalicelib.domain.backup import BackupType, Compression, Format
from chalicelib.domain.errors import Internal, VersionUnsupported
from chalicelib.engine.arguments import Stream, dump_arguments
from chalicelib.engine.clients import Client, Clients, default_folders
from chalicelib.engine.process import Child, Start, output_of
from chalicelib.engine.stderr_tail import StderrTail
from chalicelib.engine.versions import parse

SHELL = "/bin/sh"


@pytest.mark.parametrize(
    ("text", "major", "minor"),
    [
        ("pg_dump (PostgreSQL) 18.6", 18, 6),
        ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 15, 18),
        ("19rc1", 19, -1),
        ("20devel", 20, -1),
        ("17", 17, 0),
    ],
)
def test_versions_are_read(text: str, major: int, minor: int) -> None:
    version = parse(text)

    assert (version.major, version.minor) == (major, minor)


def test_a_text_without_a_number_is_no_version() -> None:
    with pytest.raises(VersionUnsupported):
        parse("pg_dump")


@pytest.mark.parametrize(
    ("version", "file_format", "codec", "option"),
    [
        ("15.20", Format.CUSTOM, Compression.GZIP, "--compress=1"),
        ("15.20", Format.CUSTOM, Compression.NONE, "--compress=0"),
        ("15.20", Format.PLAIN, Compression.BZIP2, "--compress=0"),
        ("16.16", Format.CUSTOM, Compression.GZIP, "--compress=gzip:1"),
        ("18.7", Format.CUSTOM, Compression.ZSTD, "--compress=zstd:1"),
        ("18.7", Format.PLAIN, Compression.ZSTD, "--compress=none"),
    ],
)
def test_the_codec_is_written_as_the_version_takes_it(
    version: str, file_format: Format, codec: Compression, option: str
) -> None:
    client = Client(Path("/bin"), parse(version), has_tls=True, has_zstd=True)

    arguments = dump_arguments(client, Stream(BackupType.FULL, file_format, codec), "s", 1.0)

    assert [a for a in arguments if a.startswith("--compress")] == [option]


def test_a_lock_timeout_is_written_in_whole_milliseconds() -> None:
    client = Client(Path("/bin"), parse("18.7"), has_tls=True, has_zstd=True)
    stream = Stream(BackupType.SCHEMA, Format.CUSTOM, Compression.NONE)

    arguments = dump_arguments(client, stream, "00-1", 0.0123)

    assert {"--lock-wait-timeout=13", "--schema-only", "--snapshot=00-1"} <= set(arguments)


def test_configured_folders_come_first_and_once(tmp_path: Path) -> None:
    (tmp_path / "17" / "bin").mkdir(parents=True)

    folders = default_folders([tmp_path / "mine", tmp_path / "17" / "bin"], tmp_path)

    assert folders[:2] == [tmp_path / "mine", tmp_path / "17" / "bin"]
    assert len(folders) == len(set(folders))


def test_a_client_is_probed_again_only_after_it_changed(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!{SHELL}\necho x >>{calls}\necho 18.7\n")
        (tmp_path / name).chmod(0o755)
    clients = Clients([tmp_path, tmp_path / "missing"])

    clients.find()
    clients.find()
    once = len(calls.read_text().splitlines())
    os.utime(tmp_path / "pg_dump", ns=(1, 1))
    clients.find()

    assert once == 3
    assert len(calls.read_text().splitlines()) == 6


def test_errors_with_their_details_are_kept_through_a_flood() -> None:
    flood = "i=0; while [ $i -lt 5000 ]; do echo pg_dump: noise; i=$((i+1)); done"
    trouble = r"printf 'pg_dump: error: bad\n\tmore of it\npg_dump: detail: this\n'"

    text = _tail_of(f"exec >&2; {trouble}; {flood}")

    assert text == "pg_dump: error: bad\n\tmore of it\npg_dump: detail: this"


def test_without_errors_the_last_lines_are_kept() -> None:
    text = _tail_of("for i in $(seq 1 99); do echo line $i >&2; done")

    assert text.splitlines()[-1] == "line 99"
    assert len(text.splitlines()) == 20


def test_closing_ends_the_whole_group() -> None:
    script = "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000"
    with Child(Start([SHELL, "-c", script], _PATH, stdout=subprocess.PIPE)) as child:
        grandchild = int(child.stdout.readline())

    assert child.exit_code == -signal.SIGKILL
    assert _ends(grandchild)


def test_a_child_dies_with_the_process_that_started_it() -> None:
    script = (
        "import sys\n"
        "from chalicelib.engine.process import Child, Start\n"
        "child = Child(Start(['/bin/sleep', '1000']))\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        ["python", "-c", script],
        executable=_python(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    assert _ends(child)


def test_a_program_that_is_not_there_is_internal() -> None:
    with pytest.raises(Internal, match="could not be started"):
        Child(Start(["/nonexistent/program"]))


def test_a_program_that_does_not_answer_is_given_up() -> None:
    with pytest.raises(Internal, match="did not answer"):
        output_of(["/bin/sleep", "1000"], {}, timeout_s=0.2)


_PATH = {"PATH": "/usr/bin:/bin"}


def _tail_of(script: str) -> str:
    start = Start([SHELL, "-c", script], _PATH, stderr=subprocess.PIPE)
    with Child(start) as child:
        tail = StderrTail(child.stderr)
        assert child.wait(20)
    return tail.text()


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
    return False


def _python() -> str:
    return str(Path("/proc/self/exe").resolve())
