"""Clock, identifiers, notices as lines of a file, and the words for disk errors."""

from __future__ import annotations

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ulid import ULID

from chalicelib.adapters.embedded.disk import CAUSES, in_folder, prune, translated
from chalicelib.adapters.embedded.notifier import FileNotifier
from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.domain.audit import Notice
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.record import id_floor

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


class SetClock:
    """Tell the time that was set."""

    def __init__(self, *times: datetime) -> None:
        self.times = list(times)

    def now(self) -> datetime:
        return self.times.pop(0) if len(self.times) > 1 else self.times[0]

    def monotonic(self) -> float:
        return 0.0


def notice(event: str = "backup.completed") -> Notice:
    return Notice(id="N1", at=NOW, event=event, subject_id="B1", project_id="P1")


# -- clock and ids


def test_the_clock_tells_aware_utc() -> None:
    before = datetime.now(UTC)

    now = SystemClock().now()

    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


def test_monotonic_seconds_never_go_back() -> None:
    clock = SystemClock()
    seen = [clock.monotonic() for _ in range(100)]

    assert seen == sorted(seen)


def test_an_id_carries_its_time() -> None:
    made = UlidIds(SetClock(NOW)).new()

    assert len(made) == 26
    assert ULID.from_str(made).datetime == NOW
    assert id_floor(NOW) <= made < id_floor(NOW + timedelta(milliseconds=1))


def test_ids_of_one_millisecond_sort_in_order_of_making() -> None:
    ids = UlidIds(SetClock(NOW))

    made = [ids.new() for _ in range(1000)]

    assert made == sorted(set(made))


def test_ids_sort_even_while_the_clock_goes_back() -> None:
    ids = UlidIds(SetClock(NOW, NOW - timedelta(hours=1), NOW + timedelta(hours=1)))

    made = [ids.new() for _ in range(3)]

    assert made == sorted(set(made))


def test_ids_of_two_makers_differ() -> None:
    assert UlidIds(SetClock(NOW)).new() != UlidIds(SetClock(NOW)).new()


def test_threads_get_different_ids() -> None:
    ids = UlidIds(SetClock(NOW))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new(), range(500)))

    assert len(set(made)) == 500


# -- notices


def test_a_notice_is_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "notices.jsonl"

    FileNotifier(path).deliver(notice("a\nb"))

    (line,) = path.read_text().splitlines()
    assert json.loads(line)["event"] == "a\nb"
    assert json.loads(line)["subject_id"] == "B1"


def test_notices_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "notices.jsonl"

    FileNotifier(path).deliver(notice())

    assert path.stat().st_mode & 0o777 == 0o600


def test_notices_of_threads_do_not_mix(tmp_path: Path) -> None:
    notifier = FileNotifier(tmp_path / "notices.jsonl")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: notifier.deliver(notice(f"e{n}")), range(50)))

    lines = (tmp_path / "notices.jsonl").read_text().splitlines()
    assert {json.loads(line)["event"] for line in lines} == {f"e{n}" for n in range(50)}


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/notices.jsonl"])
def test_a_notice_that_cannot_be_written_fails(path: str) -> None:
    with pytest.raises(StorageFailed, match="N1 cannot be written"):
        FileNotifier(Path(path)).deliver(notice())


# -- disk


@pytest.mark.parametrize("number", CAUSES)
def test_each_known_disk_error_has_its_sentence(number: int) -> None:
    error = OSError(number, "text")

    with pytest.raises(StorageFailed) as caught, translated("cannot store x"):
        raise error

    assert caught.value.message == f"cannot store x: {CAUSES[number][0]}"
    assert caught.value.hint == CAUSES[number][1]
    assert caught.value.__cause__ is error


def test_an_unknown_disk_error_keeps_its_words() -> None:
    with (
        pytest.raises(StorageFailed, match="cannot store x: text busy"),
        translated("cannot store x"),
    ):
        raise OSError(errno.ETXTBSY, "Text busy")


def test_a_folder_is_made_again_when_it_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    pruned: list[Path] = []

    def act() -> str:
        if not pruned:
            prune(folder, tmp_path)
            pruned.append(folder)
        (folder / "file").touch()
        return "done"

    assert in_folder(folder, act) == "done"
    assert (folder / "file").exists()


def test_prune_stops_at_what_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "kept").touch()

    prune(tmp_path / "a" / "b" / "c", tmp_path)

    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]
