"""A service at work, in view: every answer, every process it starts, everything it prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from chalicelib.domain.execution import Work
from tests.support.places import Places
from tests.support.process_tree import Seen, TreeWatch
from tests.support.stack import Stack
from tests.support.waiting import PATIENCE_S, await_that

NAMES: Final = {"catalog": "records", "workflow": "executions"}
"""What the SQLite files hold, their write-ahead logs included."""
CLIENTS: Final = ("pg_dump", "pg_restore")


@dataclass
class Scene:
    """Drive a service over HTTP and by worker processes, and keep what can be seen of it."""

    stack: Stack
    api: httpx.Client
    answers: list[bytes] = field(default_factory=list)
    output: list[bytes] = field(default_factory=list)
    seen: set[Seen] = field(default_factory=set)

    def ask(self, method: str, path: str, body: object = None, key: str = "") -> dict[str, Any]:
        """Send a request, with another key if one is given, and keep the answer to search."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.api.request(method, path, json=body, headers=headers)
        self.answers += [str(answer.headers.multi_items()).encode(), answer.content]
        loaded: dict[str, Any] = answer.json() if answer.content else {}
        return loaded

    def receive(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request whose answer hands a secret over, so that it is not searched."""
        answer = self.api.request(method, path, json=body)
        assert not answer.is_error, answer.text
        return answer

    def job(self, path: str, body: object = None) -> dict[str, Any]:
        """Ask for a job, let a worker do it, and return how it ended."""
        job = self.ask("POST", path, body)
        self._work(Work.JOB, job["id"])
        return self.ask("GET", f"/v1/jobs/{job['id']}")

    def backup(self, project_id: str, *, interrupted: bool = False) -> dict[str, Any]:
        """Ask for a backup, let a worker take it or be stopped in it; return how it ended."""
        codec = "bzip2" if interrupted else "none"
        body = {"project_id": project_id, "compression": codec}
        backup_id = str(self.ask("POST", "/v1/backups", body)["id"])
        self._work(Work.BACKUP, backup_id, interrupted=interrupted)
        return self.ask("GET", f"/v1/backups/{backup_id}")

    def sinks(self, places: Places | None) -> dict[str, bytes]:
        """Return all that somebody could read afterwards, by the name of the place."""
        clients = [seen for seen in self.seen if seen.name in CLIENTS]
        others = [seen for seen in self.seen if seen.name not in CLIENTS]
        return {
            "answers": b"\n".join(self.answers),
            "output": b"\n".join(self.output),
            "argv": b"\n".join(seen.argv for seen in self.seen),
            "environ of clients": b"\n".join(seen.environ for seen in clients),
            "environ of workers": b"\n".join(seen.environ for seen in others),
            **self._files(),
            **(_aws(places) if places else {}),
        }

    def _work(self, work: Work, work_id: str, *, interrupted: bool = False) -> None:
        with self.stack.worker(work, work_id) as process, TreeWatch(process.pid) as watch:
            if interrupted:
                await_that(lambda: any(seen.name == "pg_dump" for seen in watch.seen.copy()))
                process.terminate()
            self.output += process.communicate(timeout=PATIENCE_S)
        self.seen |= watch.seen

    def _files(self) -> dict[str, bytes]:
        # the folder `keys` is the place that must hold the keys
        data = self.stack.services.settings.data.absolute()
        found: dict[str, bytes] = {}
        for path in sorted(file for file in data.rglob("*") if file.is_file()):
            place = path.relative_to(data).parts[0]
            if place != "keys":
                name = NAMES.get(place.partition(".")[0], place)
                found[name] = found.get(name, b"") + str(path).encode() + path.read_bytes()
        return found


def _aws(places: Places) -> dict[str, bytes]:
    return {
        "records": "".join(places.records()).encode(),
        "objects": "".join(places.objects()).encode(),
        "executions": "".join(places.executions()).encode(),
        "notices": "".join(places.notices()).encode(),
    }
