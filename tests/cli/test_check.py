from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Damage = Callable[[Path], None]


@pytest.fixture
def dumped(terminal: Any, shop_url: str) -> Path:
    done = terminal.run("dump", shop_url, "-o", "shop.dump", "--json")
    assert done.code == 0
    file: Path = terminal.folder / "shop.dump"
    return file


def _sidecar(file: Path) -> Path:
    return file.with_name(file.name + ".manifest.json")


def _flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def _change_the_counts(file: Path) -> None:
    envelope = json.loads(_sidecar(file).read_text())
    envelope["payload"] = envelope["payload"].replace('"rows":600', '"rows":601')
    _sidecar(file).write_text(json.dumps(envelope))


def _garble_the_sidecar(file: Path) -> None:
    _sidecar(file).write_text("{}")


def test_an_untouched_dump_passes_every_check(terminal: Any, dumped: Path) -> None:
    done = terminal.run("check", dumped, "--json", "--require-signature")

    assert done.code == 0
    assert done.json["signed_by"] == "ours"
    assert done.json["not_checked"] == []
    assert len(done.json["checked"]) == 3


@pytest.mark.parametrize("damage", [_flip_a_bit, _cut, _change_the_counts, _garble_the_sidecar])
def test_any_damage_is_refused_with_3(terminal: Any, dumped: Path, damage: Damage) -> None:
    damage(dumped)

    done = terminal.run("check", dumped, "--json")

    assert done.code == 3
    assert done.json["error"]["code"] == "integrity_failed"


@pytest.mark.parametrize("damage", [_cut])
def test_damage_is_found_without_a_sidecar(terminal: Any, dumped: Path, damage: Damage) -> None:
    _sidecar(dumped).unlink()
    damage(dumped)

    done = terminal.run("check", dumped)

    assert done.code == 3
    assert done.err.splitlines()[-2].startswith("error: ")


def test_without_a_sidecar_it_says_what_it_could_not_check(terminal: Any, dumped: Path) -> None:
    _sidecar(dumped).unlink()

    done = terminal.run("check", dumped)

    assert done.code == 0
    assert "not checked: signature, size and SHA-256: there is no manifest" in done.out


def test_a_foreign_key_is_said_and_can_be_refused(terminal: Any, dumped: Path) -> None:
    elsewhere = str(terminal.folder / "elsewhere")

    told = terminal.run("check", dumped, "--json", HOLDFAST_DATA=elsewhere)
    refused = terminal.run("check", dumped, "--require-signature", HOLDFAST_DATA=elsewhere)

    assert (told.code, told.json["signed_by"]) == (0, "another")
    assert "who signed" in told.json["not_checked"][0]
    assert refused.code == 3
    assert not Path(elsewhere).exists()


def test_the_schema_of_a_data_dump_is_checked_too(terminal: Any, shop_url: str) -> None:
    terminal.run("dump", shop_url, "-o", "rows.dump", "--type", "data")
    _cut(terminal.folder / "rows.dump.schema.dump")

    done = terminal.run("check", "rows.dump")

    assert done.code == 3
    assert "rows.dump.schema.dump" in done.err


def test_a_missing_file_is_wrong_usage(terminal: Any) -> None:
    done = terminal.run("check", "nothing.dump")

    assert done.code == 2
    assert "nothing.dump is not a file" in done.err
