"""Show progress: a bar on a terminal, a line every few seconds elsewhere, nothing for programs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Protocol, Self

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import (
    Progress as Bars,
)

from chalicelib.cli.interruption import Interruption
from chalicelib.cli.output import text_of
from chalicelib.domain.progress import Progress

LINE_EVERY_S: Final = 5.0
KILO: Final = 1000
MINUTE_S: Final = 60
MINUTES: Final = 60


class ProgressView(Protocol):
    """Show where a run stands; a context manager that leaves the terminal tidy."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
    ) -> None:
        """Stop showing."""
        ...

    def show(self, progress: Progress) -> None:
        """Show a state; may be called as often as one likes."""
        ...


class SilentView:
    """Show nothing, for --json."""

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def show(self, progress: Progress) -> None:
        """Do nothing."""


class LineView:
    """Write plain lines, at most one every few seconds, and one whenever the phase changes."""

    def __init__(self, say: Callable[[str], object], every_s: float = LINE_EVERY_S) -> None:
        """Write to `say`."""
        self._say = say
        self._every_s = every_s
        self._last: tuple[str, datetime] | None = None

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one; time is what the progress says of itself."""
        if self._last is not None:
            phase, at = self._last
            if phase == progress.phase and (progress.at - at).total_seconds() < self._every_s:
                return
        self._last = (progress.phase, progress.at)
        self._say(describe(progress))


class BarView:
    """Draw a bar on stderr, with bytes, rate, remaining time and the table at work."""

    def __init__(self, console: Console) -> None:
        """Draw on this console."""
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            # a table may be named like markup: [/x] would end the dump with a complaint of rich's
            TextColumn("{task.fields[table]}", style="dim", markup=False),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._phase = ""

    def __enter__(self) -> Self:
        """Take the terminal's last line."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Draw the state."""
        self._bars.update(
            self._task_of(progress.phase),
            description=progress.phase,
            completed=progress.raw_bytes_done or progress.stored_bytes,
            total=progress.raw_bytes_total,
            pace=_pace(progress),
            table=text_of(progress.table or ""),
        )

    def _task_of(self, phase: str) -> TaskID:
        # a task each: rich never forgets a total, which need not be known of the next phase
        if self._task is None or phase != self._phase:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._task = self._bars.add_task(phase, total=None, pace="", table="")
            self._phase = phase
        return self._task


class ViewWatch:
    """Be the `Watch` of work in this process: stop it when a signal asked to, show the rest."""

    def __init__(self, interruption: Interruption, view: ProgressView) -> None:
        """Join the two."""
        self._interruption = interruption
        self._view = view

    def check(self, progress: Progress | None = None) -> None:
        """Raise Cancelled after a signal; show progress, if any."""
        self._interruption.check()
        if progress is not None:
            self._view.show(progress)

    def owning(self) -> AbstractContextManager[None]:
        """Return a context in which signals are told by `check` alone."""
        return self._interruption.polled()

    def phase(self, name: str, done_bytes: int, total_bytes: int) -> None:
        """Show a phase of this process's own."""
        now = datetime.now(UTC)
        self.check(
            Progress(
                id="-", phase=name, raw_bytes_done=done_bytes, raw_bytes_total=total_bytes, at=now
            )
        )


def view_for(*, as_json: bool) -> ProgressView:
    """Return the view that fits: silent for programs, a bar on a terminal, else lines on stderr."""
    if as_json:
        return SilentView()
    console = Console(stderr=True)
    if console.is_terminal:
        return BarView(console)
    return LineView(lambda text: click.echo(text, err=True))


def describe(progress: Progress) -> str:
    """Return one line about a state: phase, bytes, share, rate, remaining time, table."""
    parts = [progress.phase]
    if progress.raw_bytes_done or progress.raw_bytes_total:
        parts.append(size(progress.raw_bytes_done))
    if progress.fraction is not None:
        parts.append(f"{progress.fraction:.0%}")
    if _pace(progress):
        parts.append(_pace(progress))
    if progress.table:
        parts.append(text_of(progress.table))
    return ", ".join(parts)


def size(count: float) -> str:
    """Return a number of bytes as people write it, in powers of 1000."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < KILO:
            break
        count, unit = count / KILO, larger
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a time span as people write it."""
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE_S)
    hours, minutes = divmod(minutes, MINUTES)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _pace(progress: Progress) -> str:
    parts = []
    if progress.bytes_per_s:
        parts.append(f"{size(progress.bytes_per_s)}/s")
    if progress.eta_s is not None:
        parts.append(f"{duration(progress.eta_s)} left")
    return ", ".join(parts)
