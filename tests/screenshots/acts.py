"""What is done on a page before its picture: fields filled, buttons pressed, jobs worked off."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.record import Query
from tests.screenshots.stage import REF, Stage

Act = Callable[[Page, Stage], None]


def nothing(page: Page, stage: Stage) -> None:
    """Leave the page as it is."""
    del page, stage


def watch(page: Page, stage: Stage) -> None:
    """Wait until the script has asked how far the backup is."""
    del stage
    page.wait_for_selector("backup-progress .now")


def sign_in_with_a_wrong_key(page: Page, stage: Stage) -> None:
    """Try a key that is none."""
    del stage
    page.fill("#key", "hf_of-nobody")
    page.click("button:has-text('Sign in')")
    page.wait_for_selector("#key-wrong")


def make_a_link(page: Page, stage: Stage) -> None:
    """Have a link made."""
    del stage
    page.click("button:has-text('Make a link')")
    page.wait_for_selector(".secret")


def misspell_the_deletion(page: Page, stage: Stage) -> None:
    """Begin to delete, and type another name."""
    del stage
    page.click("details.danger > summary")
    page.fill("#confirm", "the other one")
    page.click("details.danger button")
    page.wait_for_selector("#confirm-wrong")


def open_a_menu(page: Page, stage: Stage) -> None:
    """Open what can be done with one backup of the list."""
    del stage
    page.locator("[popovertarget]").nth(2).click()


def choose_two(page: Page, stage: Stage) -> None:
    """Choose two backups, and ask for their deletion."""
    del stage
    for nth in (1, 2):
        page.locator("input[name='pick']").nth(nth).check()
    page.click("#chosen button:has-text('Delete')")
    page.wait_for_selector("#confirm")


def delete_a_locked_one(page: Page, stage: Stage) -> None:
    """Choose a backup that is locked, and confirm its deletion."""
    del stage
    page.locator("tr:has(.tag:text-is('locked')) input[name='pick']").first.check()
    page.click("#chosen button:has-text('Delete')")
    page.fill("#confirm", "delete 1 backup")
    page.click("main form button.danger")
    page.wait_for_selector("h1:has-text('Not all of them')")


def estimate(page: Page, stage: Stage) -> None:
    """Have a worker estimate what the form asks for."""
    before = _latest(stage, JobKind.ESTIMATE)
    page.click("button:has-text('Estimate first')")
    page.wait_for_selector("#estimate[data-src]")
    job = _latest(stage, JobKind.ESTIMATE)
    assert before is None or before.id != job.id
    stage.work(job)
    page.wait_for_selector("#estimate h2")


def look_by_hand(page: Page, stage: Stage) -> None:
    """Ask for an estimate and look again, as browsers without scripts do."""
    page.evaluate("document.querySelector('backup-form').replaceWith(document.forms[1])")
    page.click("button:has-text('Estimate first')")
    page.wait_for_selector("button:has-text('Look again')")
    page.evaluate("document.querySelector('backup-form').replaceWith(document.forms[1])")
    page.click("button:has-text('Look again')")
    page.wait_for_selector("button:has-text('Look again')")


def paste_a_supabase_url(page: Page, stage: Stage) -> None:
    """Give the usual form a URL of Supabase."""
    del stage
    pooler = "aws-0-eu-west-1.pooler.supabase.com"
    page.fill("#url", f"postgresql://postgres.{REF}:[YOUR-PASSWORD]@{pooler}:5432/postgres")
    page.click("button:has-text('Add and try')")
    page.wait_for_selector("#access_token")


def give_a_wrong_supabase_url(page: Page, stage: Stage) -> None:
    """Give the transaction pooler's URL, and nothing to take."""
    del stage
    page.fill("#url", f"postgresql://postgres@db.{REF}.supabase.co:6543/postgres")
    page.fill("#tags", "team=web")
    page.click("button:has-text('Add and try')")
    page.wait_for_selector("#url-wrong")


def mistype_a_project(page: Page, stage: Stage) -> None:
    """Fill in fields of a project that cannot be."""
    del stage
    page.fill("#host", "db-1,db-2")
    page.fill("#tags", "team=web")
    page.click("button:has-text('Add and try')")
    page.wait_for_selector("#host-wrong")


def add_a_channel(page: Page, stage: Stage) -> None:
    """Add a channel, whose secret is shown once."""
    del stage
    page.fill("#name", "Operations")
    page.fill("#url", "https://hooks.example.org/holdfast")
    page.click("main form button.primary")
    page.wait_for_selector(".secret")


def add_a_key(page: Page, stage: Stage) -> None:
    """Make a key, which is shown once."""
    del stage
    page.fill("#name", "night watch")
    page.click("main form button.primary")
    page.wait_for_selector(".secret")


def try_other_rules(page: Page, stage: Stage) -> None:
    """See what stricter rules would take away."""
    del stage
    page.fill("#daily", "2")
    page.click("button[name='look']")
    page.wait_for_selector(".lanes")


def _latest(stage: Stage, kind: JobKind) -> Job:
    found = stage.services.ledger.catalog.find(Query(Job, limit=200)).items
    return next(one for one in found if one.job_kind is kind)
