"""The configuration of a project, a line of JSON per section, with its secrets taken out.

What the platform gives back of a secret is a digest, or nothing that may be set again, so a copy of
it would restore nothing and could only leak. Its name is listed for whoever restores.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.errors import NotFound
from chalicelib.supabase.management import SECRETS, ManagementApi, Question, Scope

CONFIG: Final = "config.jsonl"


@dataclass(frozen=True)
class Section:
    """Name a section, its path below the project, and the scope that reads it.

    `lost` are fields that cannot be set again although they are no secrets.
    """

    name: str
    path: str
    scope: Scope
    lost: re.Pattern[str] | None = None

    @property
    def question(self) -> Question:
        """How it is asked for."""
        return Question(f"the section {self.name} of the configuration", self.path, self.scope)


# what the platform's own procedure for copying a configuration leaves out
_AUTH_LOST: Final = re.compile(
    r"rate_limit_(email|sms)_sent|db_max_pool_size(_unit)?|api_max_request_duration"
    r"|sessions_(single_per_user|tags)|smtp_.*|sms_(messagebird|textlocal|twilio|vonage)_.*"
    r"|sms_test_otp.*|hook_(mfa|password)_verification_attempt_.*|(passkey|webauthn).*"
)
_STORAGE_LOST: Final = re.compile(r"capabilities|migrationVersion|databasePoolMode|features")

_AUTH: Final = Scope("auth:read", "auth_config_read")

SECTIONS: Final = (
    Section("auth", "/config/auth", _AUTH, _AUTH_LOST),
    Section("sso_providers", "/config/auth/sso/providers", _AUTH),
    Section("third_party_auth", "/config/auth/third-party-auth", _AUTH),
    Section("storage", "/config/storage", Scope(None, "storage_config_read"), _STORAGE_LOST),
    Section("realtime", "/config/realtime", Scope(None, "realtime_config_read")),
    Section("postgrest", "/postgrest", Scope("rest:read", "data_api_config_read")),
    Section(
        "postgres", "/config/database/postgres", Scope("database:read", "database_config_read")
    ),
    Section(
        "ssl_enforcement", "/ssl-enforcement", Scope("database:read", "database_ssl_config_read")
    ),
    Section(
        "network_restrictions",
        "/network-restrictions",
        Scope("projects:read", "database_network_restrictions_read"),
    ),
)
SECRET_NAMES: Final = Section("secrets", "/secrets", SECRETS)

SECRET: Final = re.compile(
    r"(secret|secrets|password|passwords|_pass|_token|_key|private_key|access_key)$", re.IGNORECASE
)
"""What the name of a field that holds a secret ends in."""


def config_lines(api: ManagementApi) -> Iterator[str]:
    """Yield a line per section that the project has."""
    for section in SECTIONS:
        try:
            values = api.document(section.question)
        except NotFound:
            continue  # not every plan has every section
        yield _line(section, *without_secrets(values, section.lost))
    named = api.document(SECRET_NAMES.question)
    yield _line(SECRET_NAMES, [], sorted(str(one["name"]) for one in named))


def without_secrets(values: Any, lost: re.Pattern[str] | None = None) -> tuple[Any, list[str]]:
    """Return the values without what cannot be restored, and the names of that."""
    left_out: list[str] = []
    kept = _kept(values, lost, (), left_out)
    return kept, sorted(left_out)


def _kept(
    values: Any, lost: re.Pattern[str] | None, above: tuple[str, ...], left_out: list[str]
) -> Any:
    if isinstance(values, list):
        # `lost` names fields of the section itself: deeper down a word may mean another thing
        return [
            _kept(one, None, (*above, str(place)), left_out) for place, one in enumerate(values)
        ]
    if not isinstance(values, Mapping):
        return values
    kept = {}
    for name, value in values.items():
        path = (*above, str(name))
        if SECRET.search(name) or (lost is not None and lost.fullmatch(name)):
            # what was never set need not be set by hand
            left_out += [".".join(path)] if value not in (None, "") else []
        else:
            kept[name] = _kept(value, None, path, left_out)
    return kept


def _line(section: Section, values: Any, not_restorable: list[str]) -> str:
    line = {
        "section": section.name,
        "path": section.path,
        "values": values,
        "not_restorable": not_restorable,
    }
    return json.dumps(line, ensure_ascii=False)
