"""What is done on a page before its picture: fields filled, buttons pressed, jobs worked off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from playwright.sync_api import Page

from chalicelib.domain.job import Job, JobKind
from chalicelib.domain.record import Query
from tests.screenshots.stage import Stage

Act = Callable[[Page, Stage], None]


def nothing(page: Page, stage: Stage) -> None:
    """Leave the page as it is."""
    del page, stage


def filled(fields: Mapping[str, str], button: str, then: str) -> Act:
    """Return the act of filling in fields, pressing a button and waiting for what comes."""

    def act(page: Page, stage: Stage) -> None:
        del stage
        for field, text in fields.items():
            page.fill(field, text)
        page.click(button)
        page.wait_for_selector(then)

    return act


def watch(page: Page, stage: Stage) -> None:
    """Wait until the script has asked how far the backup is."""
    del stage
    page.wait_for_selector("backup-progress .now")


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


def look_without_scripts(page: Page, stage: Stage) -> None:
    """Ask what a schedule means by the button that scripts hide."""
    del stage
    page.evaluate("document.getElementById('look').hidden = false")
    page.click("#look")
    page.wait_for_selector(".look h3, .look h2")


def _latest(stage: Stage, kind: JobKind) -> Job:
    found = stage.services.ledger.catalog.find(Query(Job, limit=200)).items
    return next(one for one in found if one.job_kind is kind)
