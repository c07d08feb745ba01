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
        acts.make_a_link,
        "POST /dashboard/backups/{backup_id}/links",
    ),
    Shot("link", "/links/{token}", eyes=Eyes.STRANGER),
    Shot("link-gone", "/links/{lost}.x", eyes=Eyes.STRANGER),
    Shot("scheduled", "/dashboard/backups/scheduled"),
    Shot("schedule", "/dashboard/schedules/{schedule}"),
    Shot("schedule-editor", "/dashboard/schedules/{schedule}/edit"),
    Shot("schedule-new", "/dashboard/schedules/new"),
    Shot("schedule-look", LOOK + "?every=day&hour=2&timezone=Europe/Berlin"),
    Shot("retention", "/dashboard/projects/{shop}/retention"),
    Shot(
        "retention-look",
        "/dashboard/projects/{shop}/retention",
        acts.try_other_rules,
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
    Shot("project-mistyped", NEW, acts.mistype_a_project),
    Shot("project-edit", "/dashboard/projects/{shop}/edit"),
    Shot(
        "supabase-continued",
        NEW,
        acts.paste_a_supabase_url,
        "POST /dashboard/projects",
    ),
    Shot("supabase-new", "/dashboard/projects/supabase"),
    Shot("supabase-mistyped", "/dashboard/projects/supabase", acts.give_a_wrong_supabase_url),
    Shot("supabase-edit", "/dashboard/projects/{supabase}/supabase"),
    Shot("settings", "/dashboard/settings"),
    Shot("notices", "/dashboard/channels"),
    Shot("channel", "/dashboard/channels/{channel}"),
    Shot("channel-new", "/dashboard/channels", acts.add_a_channel, "POST /dashboard/channels"),
    Shot("channel-test", "/dashboard/channels/{channel}/tests/{channel_test}"),
    Shot("channel-test-failed", "/dashboard/channels/{silent}/tests/{silent_test}"),
    Shot("keys", "/dashboard/keys"),
    Shot("key-made", "/dashboard/keys", acts.add_a_key, "POST /dashboard/keys"),
    Shot("audit", "/dashboard/audit"),
    Shot("lost", "/dashboard/nowhere"),
    Shot("sign-in", "/session/new", eyes=Eyes.STRANGER),
    Shot(
        "sign-in-refused",
        "/session/new",
        acts.sign_in_with_a_wrong_key,
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
        "POST /links/{token}": "a page only where the store is elsewhere",
    }
)
"""Routes that answer with a page that no picture shows, and why."""
