"""Promises of the bootstraps that stand in for Lambda's own runtime."""

from __future__ import annotations

import io
import zipfile

from tests.rehearsal.packaging import EXECUTABLE, with_bootstrap


def packed(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return held.getvalue()


def test_what_chalice_packed_stays_as_it_was() -> None:
    code = with_bootstrap(packed("app.py", "chalicelib/worker.py"), ["exec true"])

    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        assert archive.namelist() == ["app.py", "chalicelib/worker.py", "bootstrap"]
        assert archive.read("app.py") == b"app.py"


def test_a_bootstrap_can_be_executed() -> None:
    code = with_bootstrap(None, ["exec true"])

    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        assert archive.getinfo("bootstrap").external_attr == EXECUTABLE
        assert archive.read("bootstrap") == b"#!/bin/sh\nexec true\n"
