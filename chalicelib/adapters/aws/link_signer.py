"""The door to the function `link_signer`, which alone may read objects besides the workers.

The API hands the token over and gets a URL or one of two words back. Nothing else crosses, so the
API's role needs no right on any object.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from chalicelib.adapters.aws.service_errors import ask
from chalicelib.domain.errors import StorageFailed
from chalicelib.domain.link import gone

URL: Final = "url"
GONE: Final = "gone"


class LambdaClient(Protocol):
    """Name the call made of the client of boto3."""

    def invoke(self, **arguments: object) -> dict[str, Any]:
        """Call a function and wait for its answer."""
        ...


class LambdaLinkSigner:
    """Redeem links in another function, under that function's role."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        """Name the function, or its ARN."""
        self._client = client
        self._function = function

    def redeem(self, token: str) -> str:
        """Return a signed URL; NotFound for a token that does not work, StorageFailed otherwise."""
        answer = ask(
            self._client.invoke,
            "redeem a link",
            FunctionName=self._function,
            InvocationType="RequestResponse",
            Payload=json.dumps({"token": token}).encode(),
        )
        said = json.loads(answer["Payload"].read())
        if answer.get("FunctionError") is None and isinstance(said, dict):
            if GONE in said:
                raise gone()
            if isinstance(said.get(URL), str):
                return str(said[URL])
        raise StorageFailed(
            "the function that redeems links failed", hint="Look at its log, then try again."
        )
