"""What a backup of a Supabase project takes besides its dump: the listing of its files from SQL."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import closing

from chalicelib.domain.dump_scope import Reading
from chalicelib.domain.storage_file import OBJECTS, parse_object
from chalicelib.engine.readings import batches
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.supabase.stand_in import SupabaseStandIn
from chalicelib.supabase.parts import STORAGE_OBJECTS
from tests.bench.harness import Row

FILES = 20_000
OBJECTS_PER_S = 1000
LIMIT_MB = 8.0
"""What a listing of any length may hold at once: a batch of lines, and a little."""
READING = Reading(OBJECTS, STORAGE_OBJECTS)
FILL = """
INSERT INTO storage.objects (bucket_id, name, version, metadata)
SELECT 'many', 'folder ' || n %% 100 || '/' || md5(n::text) || '.txt', gen_random_uuid()::text,
       jsonb_build_object('eTag', md5(n::text), 'size', n, 'mimetype', 'text/plain',
                          'cacheControl', 'max-age=3600')
  FROM generate_series(1, %s) n
"""


def rows(files: int = FILES) -> list[Row]:
    """Measure how long the listing takes, every line of it read, and what it holds meanwhile."""
    with SupabaseStandIn(find_servers()[0]) as project:
        project.storage.make_bucket("many")
        with closing(project.admin_session()) as session:
            session.execute(FILL, (files,))
        began = time.perf_counter()
        listed = _listed(project)
        seconds = time.perf_counter() - began
        tracemalloc.start()
        _listed(project)
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    note = f"{listed / seconds:,.0f} objects/s"
    return [
        Row(f"listing {listed} objects from SQL", seconds, "s", files / OBJECTS_PER_S, note),
        Row("its memory", peak_mb, "MB", LIMIT_MB),
    ]


def _listed(project: SupabaseStandIn) -> int:
    count = 0
    with closing(project.owner_session()) as session, session.transaction():
        for batch in batches(project.connection, session, READING):
            count += len([parse_object(line) for line in batch.splitlines()])
    return count
