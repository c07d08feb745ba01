"""What the web server refuses by itself, before any application hears of it, as problems too.

Waitress answers broken heads, endless ones and huge bodies in plain text, with reasons out of its
parser. Callers of an API expect one form of error, and strangers need no reasons.
"""

from __future__ import annotations

from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from chalicelib.api.application import SECURITY_HEADERS
from chalicelib.api.parsing import too_large
from chalicelib.api.problems import CONTENT_TYPE, Problem, problem_of
from chalicelib.domain.errors import HoldfastError, Internal, InvalidRequest
from chalicelib.local.wsgi import status_line

TOO_LARGE: Final = 413
HEAD_TOO_LARGE: Final = 431
SERVER_ERRORS: Final = 500


class RefusalTask(ErrorTask):
    """Answer what the server's parser refused, and close the connection."""

    def execute(self) -> None:
        """Write the problem; nothing of the request is repeated."""
        task: Any = self  # waitress has no types
        problem = refusal(task.request.error.code)
        body = problem.model_dump_json(exclude_none=True).encode()
        headers = {**SECURITY_HEADERS, "Content-Type": CONTENT_TYPE}
        task.status = status_line(problem.status)
        task.response_headers.extend([*headers.items(), ("Content-Length", str(len(body)))])
        task.set_close_on_finish()
        task.content_length = len(body)
        task.write(body)


class RefusingChannel(HTTPChannel):
    """Be a connection whose refusals are problems."""

    error_task_class = RefusalTask


def refusal(status: int) -> Problem:
    """Describe what the server's parser refused, by the status it chose."""
    if status == TOO_LARGE:
        return too_large().problem
    return problem_of(_error(status), status=status)


def _error(status: int) -> HoldfastError:
    if status >= SERVER_ERRORS:
        return Internal("something happened that should not")
    if status == HEAD_TOO_LARGE:
        return InvalidRequest("the head of the request is too large")
    return InvalidRequest(
        "the request is not HTTP as this server takes it",
        hint="Send requests of HTTP/1.1 with plain lengths and headers.",
    )
