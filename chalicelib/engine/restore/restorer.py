"""The restorer as the services see it: look, decide, run, compare.

    look       one session to the target, facts of it; the archive's table of contents
    decide     preflight; its first problem is raised, nothing was changed so far
    run        pg_restore (a dump of type data: definitions, rows, then indexes) or psql
    compare    the target against the dump: rows, their contents, sequences, large objects
Whatever breaks off ends the client and its sessions on the target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from chalicelib.domain.backup import BackupType, Format, SourceCounts, TableCount
from chalicelib.domain.measure import large_object_digest
from chalicelib.domain.restore import (
    MAX_NOTES,
    Comparison,
    Preflight,
    RestoreReport,
    Selection,
    TargetState,
    raise_first,
    require_confirmation,
)
from chalicelib.engine.archive.toc import Toc, TocEntry
from chalicelib.engine.codecs import decoded
from chalicelib.engine.environment import child_environment
from chalicelib.engine.proof.copy_text import CopyText
from chalicelib.engine.restore.arguments import Stage, restore_arguments, script_arguments
from chalicelib.engine.restore.compare import comparison, look, reordered
from chalicelib.engine.restore.contents import (
    contents_of,
    dumped_by,
    recorded_version,
    toc_of,
)
from chalicelib.engine.restore.facts import TargetFacts, Thing, filled_tables
from chalicelib.engine.restore.hold import Hold, Look, RestorerSettings, held, use_list
from chalicelib.engine.restore.measure import (
    Measure,
    TableMeasure,
    row_sums,
    sequences_of,
    texts_of_archive,
    texts_of_script,
)
from chalicelib.engine.restore.messages import Findings
from chalicelib.engine.restore.preflight import Plan, judge
from chalicelib.engine.restore.run import Command, Pulse, run
from chalicelib.engine.restore.selection import Chosen, choose_entries, thing_of
from chalicelib.ports import Clock
from chalicelib.postgres_ports import RestoreFile, RestoreRequest, Watch

ONLY_DEFINITIONS: Final = "only definitions were restored"
NOT_RECORDED: Final = "no counts were recorded with the backup"
CUT_SHORT: Final = "the script did not run to its end"
FILLED: Final = "it held rows before the restore"


class PostgresRestorer:
    """Implement `postgres_ports.Restorer` with the PostgreSQL client programs of this machine."""

    def __init__(self, settings: RestorerSettings, clock: Clock) -> None:
        """Keep the parts."""
        self._settings = settings
        self._clock = clock

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        """Say what a restore would meet; changes nothing."""
        with self._prepared(request, watch) as prepared:
            return prepared.preflight

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        """Restore, then compare; see the port."""
        require_confirmation(request.options, request.connection.endpoint)
        with self._prepared(request, watch) as prepared:
            raise_first(prepared.preflight)
            reached(TargetState.PARTIAL)
            prepared.pulse.begin("restore")
            findings = prepared.run_stages()
            if findings.errors_total == 0:
                reached(TargetState.RESTORED)
            prepared.pulse.begin("compare")
            return prepared.report(findings, prepared.comparison(findings))

    @contextmanager
    def _prepared(self, request: RestoreRequest, watch: Watch) -> Iterator[_Restore]:
        pulse = Pulse(watch, self._clock, request.run_id)
        pulse.begin("preflight")
        contents = contents_of(request)
        with held(self._settings, request, pulse) as (hold, seen):
            yield _Restore(request, contents, hold, seen)


class _Restore:
    """Hold the parts of one restore between its preflight and its end."""

    def __init__(
        self, request: RestoreRequest, contents: Toc | None, hold: Hold, look: Look
    ) -> None:
        self._request = request
        self._options = request.options
        self._hold = hold
        self._session = look.session
        self._client = look.chosen.client
        self.pulse = hold.pulse
        self._toc: Toc | None = None
        self._text: CopyText | None = None
        self.chosen = self._choose(contents, look.facts)
        self._facts = self._with_filled(look.facts)
        self.pulse.tables_total = len(self._loaded()) if self.chosen else None
        plan = Plan(
            chosen=self.chosen,
            client_version=str(self._client.version),
            source_version=contents.header.server_version
            if contents
            else recorded_version(request),
            dumped_by=contents.header.dump_version if contents else dumped_by(request),
            warnings=look.chosen.warnings,
        )
        self.preflight = judge(self._facts, plan, request.options)

    def run_stages(self) -> Findings:
        """Run every client there is to run; what they complain of adds up."""
        total = Findings()
        for command in self._commands():
            _add(total, run(command, self.pulse))
            # rows without their tables, or indexes without rows, would only fail once more
            if total.errors_total and self._request.source.schema is not None:
                break
        return total

    def comparison(self, findings: Findings) -> Comparison:
        """Hold what was loaded against the dump."""
        source, selection = self._request.source, self._options.selection
        if source.counts is None:
            return Comparison(not_compared={"rows": NOT_RECORDED})
        if selection.schema_only or source.type is BackupType.SCHEMA:
            return Comparison(not_compared={"rows": ONLY_DEFINITIONS, **source.counts.uncounted})
        if source.format is Format.PLAIN and (self._text is None or findings.errors_total):
            return Comparison(not_compared={"rows": CUT_SHORT})
        measure = self._measure(source.counts)
        found = self._hold.ask(partial(look, self._session, measure))
        return comparison(measure, found, self._sums(measure, reordered(measure, found)))

    def report(self, findings: Findings, comparison: Comparison) -> RestoreReport:
        """Say what came of it."""
        restored = Counter(
            entry.descriptor
            for entry in (self.chosen.entries if self.chosen else ())
            if entry.dump_id not in findings.failed_entries
        )
        return RestoreReport(
            restored=dict(sorted(restored.items())),
            skipped=self.preflight.skipped,
            ignored=tuple(findings.ignored),
            ignored_total=findings.ignored_total,
            errors=tuple(findings.errors),
            errors_total=findings.errors_total,
            comparison=comparison,
        )

    def _choose(self, contents: Toc | None, facts: TargetFacts) -> Chosen | None:
        selection = self._options.selection
        if contents is None:
            return None
        present = facts.objects
        self._toc = contents
        chosen = choose_entries(contents.entries, selection, present)
        if self._request.source.schema is None or selection.schema_only:
            return chosen
        # definitions and rows lie in two archives, whose ids have nothing to do with each other
        self._toc = toc_of(self._request.source.main)
        rows = choose_entries(self._toc.entries, Selection(), present)
        return replace(chosen, entries=(*chosen.entries, *rows.entries))

    def _with_filled(self, facts: TargetFacts) -> TargetFacts:
        if self.chosen is not None and not self._options.selection.data_only:
            return facts
        loaded = [_table_of(entry) for entry in self._loaded()]
        tables = sorted({*loaded, *self._tables_of_script()} & facts.objects)
        return replace(facts, filled=self._hold.ask(partial(filled_tables, self._session, tables)))

    def _tables_of_script(self) -> Iterator[Thing]:
        counts = self._request.source.counts
        for table in counts.tables if self.chosen is None and counts is not None else ():
            yield Thing("TABLE", table.schema_name, table.table)

    def _loaded(self) -> list[TocEntry]:
        return [entry for entry in (self.chosen.entries if self.chosen else ()) if entry.has_data]

    def _measure(self, counts: SourceCounts) -> Measure:
        is_whole = not self._options.selection.is_partial
        blocks = self._request.source.blocks
        objects = large_object_digest(blocks)
        sequences = None
        if self._text is not None:
            texts, stored = texts_of_script(self._text)
            objects = stored.digest
        else:
            toc = self._toc or toc_of(self._request.source.main)
            texts = texts_of_archive(toc, self._loaded(), blocks)
            sequences = sequences_of(toc, self.chosen.entries if self.chosen else ())
        tables = counts.tables if is_whole else _named(counts.tables, texts)
        filled = {f"{thing.schema}.{thing.name}": FILLED for thing in self._facts.filled}
        return Measure(counts, tables, texts, filled, sequences, objects, is_whole)

    def _sums(self, measure: Measure, names: frozenset[str]) -> dict[str, int]:
        if self._text is None:
            return row_sums(self._request.source.main, names, self.pulse)
        return {name: measure.texts[name].row_sum or 0 for name in names}

    def _commands(self) -> Iterator[Command]:
        source = self._request.source
        if source.schema is not None:
            yield from self._both(source.main, source.schema)
        elif source.format is Format.PLAIN:
            yield self._script()
        else:
            yield self._archive(source.main, Stage(source.main.path, self._use_list()))

    def _both(self, rows: RestoreFile, definitions: RestoreFile) -> Iterator[Command]:
        selection = self._options.selection
        if not selection.data_only:
            yield self._archive(definitions, Stage(definitions.path, section="pre-data"))
        if not selection.schema_only:
            # all of it: archives before PostgreSQL 17 make large objects ahead of the data
            is_script = self._request.source.format is Format.PLAIN
            yield self._script() if is_script else self._archive(rows, Stage(rows.path))
        if not selection.data_only:
            yield self._archive(definitions, Stage(definitions.path, section="post-data"))

    def _archive(self, file: RestoreFile, stage: Stage) -> Command:
        is_superuser = self._facts.is_superuser
        argv = restore_arguments(self._client, stage, self._options, is_superuser=is_superuser)
        return self._command(argv, file.open if stage.archive is None else None)

    def _script(self) -> Command:
        source = self._request.source
        if source.counts is None:
            # nobody compares it, so that it may have any form
            return self._command(
                script_arguments(self._client),
                lambda: decoded(source.compression, source.main.open()),
            )
        self._text = CopyText()
        return self._command(script_arguments(self._client), partial(self._digested, self._text))

    def _digested(self, text: CopyText) -> Iterator[bytes]:
        source = self._request.source
        for chunk in decoded(source.compression, source.main.open()):
            text.feed(chunk)
            yield chunk

    def _command(self, argv: list[str], feed: Callable[[], Iterator[bytes]] | None) -> Command:
        connection = self._request.connection
        environment = child_environment(connection, self._hold.sessions.options, self._hold.secret)
        return Command(argv, environment, connection, feed)

    def _use_list(self) -> Path | None:
        if self.chosen is None or self._options.selection == Selection():
            return None
        return use_list(self._hold.folder, tuple(one.dump_id for one in self.chosen.entries))


def _named(
    tables: tuple[TableCount, ...], texts: Mapping[str, TableMeasure]
) -> tuple[TableCount, ...]:
    return tuple(one for one in tables if f"{one.schema_name}.{one.table}" in texts)


def _table_of(entry: TocEntry) -> Thing:
    return replace(thing_of(entry), descriptor="TABLE")


def _add(total: Findings, found: Findings) -> None:
    total.errors = [*total.errors, *found.errors][:MAX_NOTES]
    total.ignored = [*total.ignored, *found.ignored][:MAX_NOTES]
    total.errors_total += found.errors_total
    total.ignored_total += found.ignored_total
    total.failed_entries |= found.failed_entries
