"""Every page that there is, by its path and by what is done on it before it is looked at.

A test holds this list against the routes: a page that is added to the dashboard and not here fails
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tests.screenshots import acts
from tests.screenshots.stage import REF


class Eyes(StrEnum):
    """Name who looks."""

    ADMIN = "admin"
    STRANGER = "stranger"
    NEWCOMER = "newcomer"
    """The admin of a service that holds nothing yet."""


@dataclass(frozen=True)
class Shot:
    """Describe a picture: `path` names ids of the stage, `form` is the route that answers it."""

    name: str
    path: str
    act: acts.Act = acts.nothing
    form: str | None = None
    eyes: Eyes = Eyes.ADMIN


BACKUP: Final = "/dashboard/backups/{proven}"
HISTORY: Final = "/dashboard/backups/history"
MANUAL: Final = "/dashboard/backups/manual?project={shop}"
NEW: Final = "/dashboard/projects/new"
LOOK: Final = "/dashboard/schedules/look"

ADD: Final = "button:has-text('Add and try')"
MAKE: Final = "main form button.primary"
POOLER: Final = "aws-0-eu-west-1.pooler.supabase.com:5432"
REFUSED_KEY: Final = acts.filled(
    {"#key": "hf_of-nobody"}, "button:has-text('Sign in')", "#key-wrong"
)
A_LINK: Final = acts.filled({}, "button:has-text('Make a link')", ".secret")
SUPABASE_URL: Final = acts.filled(
    {"#url": f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@{POOLER}/postgres"},
    ADD,
    "#access_token",
)
TRANSACTION_POOLER: Final = acts.filled(
    {
        "#url": f"postgresql://postgres@db.{REF}.supabase.co:6543/postgres",
        "#tags": "team=web",
    },
    ADD,
    "#url-wrong",
)
TWO_HOSTS: Final = acts.filled({"#host": "db-1,db-2", "#tags": "team=web"}, ADD, "#host-wrong")
A_CHANNEL: Final = acts.filled(
    {"#name": "Operations", "#url": "https://hooks.example.org/holdfast"}, MAKE, ".secret"
)
A_KEY: Final = acts.filled({"#name": "night watch"}, MAKE, ".secret")
OTHER_RULES: Final = acts.filled({"#daily": "2"}, "button[name='look']", ".lanes")

SHOTS: Final = (
    Shot("overview", "/"),
    Shot("first-run", "/dashboard/first-run"),
    Shot("manual", MANUAL),
    Shot("manual-estimate", MANUAL, acts.estimate),
    Shot(
        "manual-estimating",
        MANUAL,
        acts.look_by_hand,
        "POST /dashboard/backups/manual/look",
    ),
    Shot("estimate", "/dashboard/backups/manual/estimates/{estimate}"),
    Shot("history", HISTORY),
    Shot("history-menu", HISTORY, acts.open_a_menu),
    Shot("history-nothing-fits", HISTORY + "?q=no+such+backup"),
    Shot("chosen", HISTORY, acts.choose_two, "POST /dashboard/chosen"),
    Shot(
        "chosen-left",
        HISTORY,
        acts.delete_a_locked_one,
        "POST /dashboard/chosen/delete",
    ),
    Shot("backup", BACKUP),
    Shot("backup-running", "/dashboard/backups/{running}", acts.watch),
    Shot("backup-failed", "/dashboard/backups/{failed}"),
    Shot("backup-delete", BACKUP, acts.misspell_the_deletion),
    Shot("inside", BACKUP + "/inside/{contents}"),
    Shot("inside-rows", BACKUP + "/inside/{rows}"),
    Shot("inside-proof", BACKUP + "/inside/{proof}"),
    Shot(
        "link-made",
        BACKUP,
        A_LINK,
        "POST /dashboard/backups/{backup_id}/links",
    ),
    Shot("link", "/links/{token}", eyes=Eyes.STRANGER),
    Shot("link-gone", "/links/{lost}.x", eyes=Eyes.STRANGER),
    Shot("scheduled", "/dashboard/backups/scheduled"),
    Shot("schedule", "/dashboard/schedules/{schedule}"),
    Shot("schedule-editor", "/dashboard/schedules/{schedule}/edit"),
    Shot("schedule-new", "/dashboard/schedules/new"),
    Shot(
        "schedule-new-look",
        "/dashboard/schedules/new",
        acts.look_without_scripts,
        "POST /dashboard/backups/scheduled",
    ),
    Shot("schedule-look", LOOK + "?every=day&hour=2&timezone=Europe/Berlin"),
    Shot("retention", "/dashboard/projects/{shop}/retention"),
    Shot(
        "retention-look",
        "/dashboard/projects/{shop}/retention",
        OTHER_RULES,
        "POST /dashboard/projects/{project_id}/retention",
    ),
    Shot("restores", "/dashboard/restores"),
    Shot("restore-form", "/dashboard/backups/restore?backup={proven}"),
    Shot("preflight", "/dashboard/restores/preflights/{preflight}"),
    Shot("preflight-refused", "/dashboard/restores/preflights/{refused_preflight}"),
    Shot("restore", "/dashboard/restores/{restore}"),
    Shot("projects", "/dashboard/projects"),
    Shot("project", "/dashboard/projects/{shop}"),
    Shot("project-supabase", "/dashboard/projects/{supabase}"),
    Shot("project-test", "/dashboard/projects/{shop}/tests/{test}"),
    Shot("project-test-failed", "/dashboard/projects/{lost}/tests/{lost_test}"),
    Shot("project-delete", "/dashboard/projects/{shop}", acts.misspell_the_deletion),
    Shot("project-new", NEW),
    Shot("project-mistyped", NEW, TWO_HOSTS),
    Shot("project-edit", "/dashboard/projects/{shop}/edit"),
    Shot(
        "supabase-continued",
        NEW,
        SUPABASE_URL,
        "POST /dashboard/projects",
    ),
    Shot("supabase-new", "/dashboard/projects/supabase"),
    Shot("supabase-mistyped", "/dashboard/projects/supabase", TRANSACTION_POOLER),
    Shot("supabase-edit", "/dashboard/projects/{supabase}/supabase"),
    Shot("settings", "/dashboard/settings"),
    Shot("notices", "/dashboard/channels"),
    Shot("channel", "/dashboard/channels/{channel}"),
    Shot("channel-new", "/dashboard/channels", A_CHANNEL, "POST /dashboard/channels"),
    Shot("channel-test", "/dashboard/channels/{channel}/tests/{channel_test}"),
    Shot("channel-test-failed", "/dashboard/channels/{silent}/tests/{silent_test}"),
    Shot("keys", "/dashboard/keys"),
    Shot("key-made", "/dashboard/keys", A_KEY, "POST /dashboard/keys"),
    Shot("audit", "/dashboard/audit"),
    Shot("lost", "/dashboard/nowhere"),
    Shot("sign-in", "/session/new", eyes=Eyes.STRANGER),
    Shot(
        "sign-in-refused",
        "/session/new",
        REFUSED_KEY,
        eyes=Eyes.STRANGER,
    ),
    Shot("empty-overview", "/", eyes=Eyes.NEWCOMER),
    Shot("empty-first-run", "/dashboard/first-run", eyes=Eyes.NEWCOMER),
    Shot("empty-manual", "/dashboard/backups/manual", eyes=Eyes.NEWCOMER),
    Shot("empty-history", HISTORY, eyes=Eyes.NEWCOMER),
    Shot("empty-scheduled", "/dashboard/backups/scheduled", eyes=Eyes.NEWCOMER),
    Shot("empty-restores", "/dashboard/restores", eyes=Eyes.NEWCOMER),
    Shot("empty-restore-form", "/dashboard/backups/restore", eyes=Eyes.NEWCOMER),
    Shot("empty-projects", "/dashboard/projects", eyes=Eyes.NEWCOMER),
    Shot("empty-notices", "/dashboard/channels", eyes=Eyes.NEWCOMER),
)

UNSEEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "POST /dashboard/backups/manual/estimate": "answers scripts; manual-estimating follows it",
        "POST /dashboard/backups/{backup_id}/download": "a page only where the store is elsewhere",
        "POST /dashboard/schedules/{schedule_id}/edit": "as schedule-new-look, of another form",
        "POST /links/{token}": "a page only where the store is elsewhere",
    }
)
"""Routes that answer with a page that no picture shows, and why."""
