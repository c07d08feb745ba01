"""A whole service inside this process: where it answers, who has it, whom it gives a key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap.adapters import embedded_adapters
from chalicelib.bootstrap.services import Services
from chalicelib.domain.access import Role
from chalicelib.domain.errors import Conflict, Internal
from chalicelib.domain.execution import Work
from chalicelib.local.supervision import supervisor_of
from chalicelib.local.up import Place, first_key, running_service
from chalicelib.settings import Settings


class NoQueue:
    """A workflow that is run elsewhere."""

    def start(self, work: Work, work_id: str) -> None:
        raise NotImplementedError

    def stop(self, work: Work, work_id: str) -> None:
        raise NotImplementedError

    def is_running(self, work: Work, work_id: str) -> bool:
        raise NotImplementedError


def _place(data: Path, host: str = "127.0.0.1", **settings: Any) -> Place:
    return Place(Settings(data=data, **settings), {}, host, port=0)


def _ignore(text: str) -> None:
    del text


def test_it_answers_at_the_url_it_names(tmp_path: Path) -> None:
    with running_service(_place(tmp_path), _ignore) as service:
        health = httpx.get(service.url + "/health").json()

    assert health["status"] == "ok"


def test_links_lead_to_where_it_answers(tmp_path: Path) -> None:
    with running_service(_place(tmp_path), _ignore) as service:
        assert service.services.settings.public_url == service.url


def test_a_public_url_that_was_set_is_kept(tmp_path: Path) -> None:
    place = _place(tmp_path, public_url="https://backups.example.org")

    with running_service(place, _ignore) as service:
        assert service.services.settings.public_url == "https://backups.example.org"


def test_listening_everywhere_links_lead_to_this_machine(tmp_path: Path) -> None:
    with running_service(_place(tmp_path, host="0.0.0.0"), _ignore) as service:  # noqa: S104 - the promise
        assert service.services.settings.public_url.startswith("http://127.0.0.1:")


def test_an_ipv6_address_stands_in_brackets(tmp_path: Path) -> None:
    with running_service(_place(tmp_path, host="::1"), _ignore) as service:
        assert httpx.get(service.services.settings.public_url + "/health").status_code == 200


def test_the_folder_is_taken_while_it_runs_and_free_afterwards(tmp_path: Path) -> None:
    with (
        running_service(_place(tmp_path), _ignore),
        pytest.raises(Conflict),
        running_service(_place(tmp_path), _ignore),
    ):
        pass

    with running_service(_place(tmp_path), _ignore):
        pass


def test_after_the_end_nobody_answers(tmp_path: Path) -> None:
    with running_service(_place(tmp_path), _ignore) as service:
        pass

    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url + "/health")


def test_the_first_key_may_do_everything_and_comes_once(tmp_path: Path) -> None:
    with running_service(_place(tmp_path), _ignore) as service:
        token = first_key(service.services)
        again = first_key(service.services)
        actor = service.services.access.authenticate(token or "")

    assert (actor.role, actor.projects, again) == (Role.ADMIN, None, None)


def test_a_revoked_first_key_is_not_made_again(tmp_path: Path) -> None:
    with running_service(_place(tmp_path), _ignore) as service:
        token = first_key(service.services) or ""
        service.services.access.revoke("test", token.split("_")[1])

        assert first_key(service.services) is None


def test_only_a_queue_of_this_machine_gets_a_supervisor(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    adapters = replace(embedded_adapters(settings), workflow=NoQueue())

    with pytest.raises(Internal, match="only the embedded service"):
        supervisor_of(Services(settings, adapters), {}, _ignore)


def test_the_environment_of_a_place_does_not_show(tmp_path: Path) -> None:
    place = Place(Settings(data=tmp_path), {"PGPASSWORD": "canary-7"})

    assert "canary-7" not in repr(place)
