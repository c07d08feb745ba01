"""Talk to the service: over HTTP, or straight to the embedded store through the same API.

Without HOLDFAST_URL the API runs inside this process, on the same data folder, and is opened by a
token that only this process knows. Work then needs a worker: when no `holdfast up` owns the folder,
the command that waits runs it itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from chalicelib.cli.invocation import Invocation
from chalicelib.cli.watching import pause_between_looks, watching
from chalicelib.domain.errors import (
    BY_CODE,
    HoldfastError,
    Internal,
    InvalidRequest,
    SourceUnreachable,
    Unauthenticated,
)
from chalicelib.settings import Settings

TIMEOUT_S: Final = 60.0
PAGE: Final = 200

WorkUntil = Callable[[Callable[[], bool]], None]


@dataclass(frozen=True)
class Service:
    """Send requests, and wait for what workers do."""

    http: httpx.Client
    work_until: WorkUntil
    host: str

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer's JSON, None when it has none; a problem becomes its error class."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        with self._reaching():
            response = self.http.request(method, path, json=body, params=given, headers=headers)
        if not response.is_success:
            raise _error_of(response)
        return _json_of(response) if response.content else None

    def listed(self, path: str, query: Mapping[str, Any], limit: int) -> dict[str, Any]:
        """Return up to `limit` items of a list, over as many pages as that takes."""
        items: list[Any] = []
        cursor = query.get("cursor")
        while True:
            size = min(PAGE, limit - len(items))
            page = self.request("GET", path, query={**query, "limit": size, "cursor": cursor})
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or len(items) >= limit:
                return {"items": items, "next_cursor": cursor}

    def ended(self, path: str, look: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Wait for the end of the backup or job at `path`; `look` sees each state before it."""
        latest: dict[str, Any] = {}

        def has_ended() -> bool:
            latest.update(self.request("GET", path))
            look(latest)
            return latest["status"] in {"completed", "failed", "cancelled"}

        self.work_until(has_ended)
        return latest

    @contextmanager
    def stream(self, url: str) -> Iterator[httpx.Response]:
        """Open a download link; without our key, which is none of the object store's business."""
        request = self.http.build_request("GET", url)
        del request.headers["Authorization"]
        with self._reaching():
            # a link leads on to the object store
            response = self.http.send(request, stream=True, follow_redirects=True)
            with closing(response):
                if response.is_error:
                    response.read()
                    raise _error_of(response)
                yield response

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise SourceUnreachable(
                f"the service at {self.host} did not answer as it should",
                hint="Check HOLDFAST_URL and that the service runs.",
            ) from error


@contextmanager
def open_service(invocation: Invocation, data: Path | None) -> Iterator[Service]:
    """Reach the service that the options and the environment name; --data wins over a URL."""
    settings = invocation.settings(data)
    if settings.url is not None and data is None:
        with _remote(settings) as service:
            yield service
    else:
        with _embedded(settings, invocation) as service:
            yield service


def raise_unless_completed(ended: Mapping[str, Any], what: str) -> None:
    """Raise the error that a backup or job ended with, if it did not complete."""
    if ended["status"] == "completed":
        return
    error = ended.get("error") or {"code": "internal", "message": "no reason is known", "hint": ""}
    raise BY_CODE.get(error["code"], Internal)(
        f"{what} {ended['id']}: {error['message']}", hint=error["hint"] or None
    )


@contextmanager
def _remote(settings: Settings) -> Iterator[Service]:
    if settings.api_key is None:
        raise Unauthenticated(
            "HOLDFAST_URL is set, and HOLDFAST_API_KEY is not",
            hint="Set HOLDFAST_API_KEY to a key of that service (`holdfast up` prints the first).",
        )
    host = _host_of(settings.url or "")
    key = settings.api_key.get_secret_value()
    # no header could carry it, and httpx would say so in words of its own
    if not key.isascii():
        raise Unauthenticated("HOLDFAST_API_KEY holds a character that no key of ours has")
    with httpx.Client(base_url=settings.url or "", headers=_bearer(key), timeout=TIMEOUT_S) as http:
        yield Service(http, _poll_until, host)


@contextmanager
def _embedded(settings: Settings, invocation: Invocation) -> Iterator[Service]:
    # imported here: a command line that talks to a service needs neither store nor web framework
    from chalicelib.bootstrap.services import embedded
    from chalicelib.cli.inline_work import InlineWork
    from chalicelib.local.data_lock import make_data_folder
    from chalicelib.local.web import api_app

    make_data_folder(settings.data)
    token = secrets.token_urlsafe(32)
    services = embedded(settings, operator_token=token)
    work = InlineWork(services, invocation)
    with httpx.Client(
        transport=httpx.WSGITransport(app=api_app(services)),
        base_url=settings.public_url,
        headers=_bearer(token),
    ) as http:
        yield Service(http, work.until, "this machine")


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        httpx.URL(url)  # each of the two finds faults that the other lets pass
    except (httpx.InvalidURL, ValueError) as error:
        raise _no_url() from error
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise _no_url()
    return parts.hostname


def _no_url() -> InvalidRequest:
    return InvalidRequest(
        "HOLDFAST_URL is not the URL of a service",
        hint="Write it as http://127.0.0.1:8080 or https://holdfast.example.org.",
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _poll_until(predicate: Callable[[], bool]) -> None:
    with watching():
        while not predicate():
            pause_between_looks()


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise _not_ours(response) from error


def _error_of(response: httpx.Response) -> HoldfastError:
    try:
        problem = response.json()
        kind = BY_CODE[problem["code"]]
        detail = problem["detail"]
        # a rule about one field says the same in both places
        others = [e for e in problem.get("errors") or () if e["message"] != detail]
        fields = [f"{e['field']}: {e['message']}" for e in others]
        return kind("; ".join([detail, *fields]), hint=problem["hint"])
    except (ValueError, KeyError, TypeError) as error:
        failure = _not_ours(response)
        failure.__cause__ = error
        return failure


def _not_ours(response: httpx.Response) -> Internal:
    return Internal(
        f"the service answered with status {response.status_code} and not as Holdfast does",
        hint="Check that HOLDFAST_URL leads to Holdfast itself.",
    )
