"""Settings: the only reader of the environment.

| variable | default | meaning |
|---|---|---|
| HOLDFAST_DATA | holdfast-data | folder of the embedded service: records, objects, keys |
| HOLDFAST_PUBLIC_URL | http://127.0.0.1:8080 | where callers reach the service, for links |
| HOLDFAST_CLIENT_DIRS | (none) | folders of PostgreSQL client programs to prefer, by `:` |
| HOLDFAST_CLIENT_FLOOR | warn | clients below the floor of known CVEs: `warn` or `refuse` |
| HOLDFAST_LOCK_TIMEOUT_S | 60 | how long a dump waits for a table lock |
| HOLDFAST_DUMP_DEADLINE_S | 43200 | how long one attempt at a dump may take |
| HOLDFAST_WORKERS | 2 | backups and jobs that run at once |
| HOLDFAST_URL, HOLDFAST_API_KEY | (none) | the service the command line talks to |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from chalicelib.domain.errors import InvalidRequest

PREFIX = "HOLDFAST_"


class Settings(BaseModel):
    """Hold what can be set from outside; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: Path = Path("holdfast-data")
    public_url: str = "http://127.0.0.1:8080"
    client_dirs: tuple[Path, ...] = ()
    client_floor: Literal["warn", "refuse"] = "warn"
    lock_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    dump_deadline_s: Annotated[float, Field(gt=0)] = 43_200.0
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    url: str | None = None
    api_key: SecretStr | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the HOLDFAST_ variables; InvalidRequest names the one that cannot be."""
        values: dict[str, object] = {
            name: environment[PREFIX + name.upper()]
            for name in cls.model_fields
            if environment.get(PREFIX + name.upper())
        }
        folders = values.get("client_dirs")
        if isinstance(folders, str):
            values["client_dirs"] = tuple(Path(f) for f in folders.split(os.pathsep) if f)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            name = PREFIX + str(error.errors()[0]["loc"][0]).upper()
            raise InvalidRequest(
                f"the setting {name} has a value that cannot be",
                hint="See the table of settings in the README.",
            ) from error

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make another process of ours read the same settings."""
        return {
            PREFIX + "DATA": str(self.data.absolute()),
            PREFIX + "PUBLIC_URL": self.public_url,
            PREFIX + "CLIENT_DIRS": os.pathsep.join(str(f) for f in self.client_dirs),
            PREFIX + "CLIENT_FLOOR": self.client_floor,
            PREFIX + "LOCK_TIMEOUT_S": str(self.lock_timeout_s),
            PREFIX + "DUMP_DEADLINE_S": str(self.dump_deadline_s),
            PREFIX + "WORKERS": str(self.workers),
        }


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process, for entry points to read settings from."""
    return dict(os.environ)
