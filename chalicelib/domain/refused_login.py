"""What to do where a server takes a project's password no more, said with the project's id.

The engine that is refused knows a connection and no project; whoever keeps the failure knows both.
"""

from __future__ import annotations

from chalicelib.domain.errors import AuthenticationFailed, ErrorInfo, HoldfastError


def info_of(error: HoldfastError, project_id: str | None) -> ErrorInfo:
    """Return a failure as it is kept by what reached a project's database; None: by no project's.

    A hint that names something else to renew, as for a token or a key, stays.
    """
    info = error.info
    is_login = info.code == AuthenticationFailed.code
    if project_id is None or not is_login or info.hint != AuthenticationFailed.default_hint:
        return info
    hint = (
        "If user or password were changed at the server, give the project the new ones:"
        f" `holdfast projects update {project_id} --password env:NAME`, or Change on its page."
        " A pooler may take minutes to learn a new password."
    )
    return info.model_copy(update={"hint": hint})
