"""Questions to the catalogue, one per class of objects: names and definitions, ready to compare.

A definition is text that a restore reproduces: no object ids, no numbers of dropped columns, no
order that a dump does not promise, rights spelled out where the catalogue leaves the default away.
Members of extensions are left out, because the extension makes them. Every query answers rows of
(name, definition) under an empty search_path, and needs no rights but to read the catalogue.
"""

from __future__ import annotations

from typing import Final, LiteralString

OURS: Final[LiteralString] = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def own(catalog: LiteralString, oid: LiteralString) -> LiteralString:
    """Return the condition that an object is no member of an extension."""
    return (
        "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_catalog."
        + catalog
        + "'::regclass AND d.objid = "
        + oid
        + " AND d.deptype = 'e')"
    )


def rights(acl: LiteralString, kind: LiteralString, owner: LiteralString) -> LiteralString:
    """Return the expression of an object's rights, the default spelled out."""
    # a right that was granted and revoked again leaves the default spelled out
    return (
        "(SELECT pg_catalog.string_agg(i::text, ',' ORDER BY i::text) FROM pg_catalog.unnest("
        "coalesce(" + acl + ", pg_catalog.acldefault('" + kind + "', " + owner + "))) i)"
    )


def said(catalog: LiteralString, oid: LiteralString) -> LiteralString:
    """Return the expression of an object's comment."""
    return "pg_catalog.obj_description(" + oid + ", '" + catalog + "')"


def in_order(array: LiteralString) -> LiteralString:
    """Return the expression of an array of text as a sorted list."""
    return (
        "(SELECT pg_catalog.string_agg(x, ',' ORDER BY x) FROM pg_catalog.unnest(" + array + ") x)"
    )


# Servers from the releases of the floor on mark each column with a number of their own, which no
# dump carries over: what is left are the options that somebody has set.
_OPTIONS: Final[LiteralString] = """(SELECT pg_catalog.array_agg(option)
    FROM pg_catalog.unnest(a.attoptions) option
    WHERE pg_catalog.left(option, 10) <> 'pg_attver=')"""

_COLUMNS: Final[LiteralString] = (
    """
    SELECT pg_catalog.string_agg(ROW(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
        a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
        coalesce(a.attstattarget, -1), """
    + in_order(_OPTIONS)
    + ", "
    + in_order("a.attfdwoptions")
    + """,
        pg_catalog.pg_get_expr(f.adbin, f.adrelid), """
    + in_order("a.attacl::text[]")
    + """, pg_catalog.col_description(a.attrelid, a.attnum))::text, ',' ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid = """
)

_RELATIONS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname), ROW(c.relkind, c.relpersistence,
        c.relreplident, c.relrowsecurity, c.relforcerowsecurity, m.amname,
        pg_catalog.pg_get_userbyid(c.relowner), """
    + rights("c.relacl", "r", "c.relowner")
    + ", "
    + in_order("c.reloptions")
    + ", "
    + in_order("o.reloptions")
    + """, pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid),
        c.reloftype::regtype, CASE WHEN c.relkind IN ('v', 'm')
            THEN pg_catalog.pg_get_viewdef(c.oid) END,
        (SELECT pg_catalog.string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
            FROM pg_inherits i WHERE i.inhrelid = c.oid),
        (SELECT ROW(s.srvname, """
    + in_order("f.ftoptions")
    + """) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
            WHERE f.ftrelid = c.oid), ("""
    + _COLUMNS
    + "c.oid), "
    + said("pg_class", "c.oid")
    + """)::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_class o ON o.oid = c.reltoastrelid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND """
    + OURS
    + " AND "
    + own("pg_class", "c.oid")
)

_SEQUENCES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname), ROW(c.relpersistence,
        pg_catalog.pg_get_userbyid(c.relowner), """
    + rights("c.relacl", "s", "c.relowner")
    + """, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache,
        s.seqcycle, (SELECT ROW(p.refobjid::regclass, a.attname, p.deptype) FROM pg_depend p
            JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
            WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid
            AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')), """
    + said("pg_class", "c.oid")
    + """)::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_sequence s ON s.seqrelid = c.oid WHERE """
    + OURS
    + " AND "
    + own("pg_class", "c.oid")
)

_INDEXES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname), ROW(pg_catalog.pg_get_indexdef(c.oid),
        i.indisclustered, i.indisreplident, p.inhparent::regclass, (SELECT
            pg_catalog.string_agg(coalesce(a.attstattarget, -1)::text, ',' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid), """
    + said("pg_class", "c.oid")
    + """)::text
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_inherits p ON p.inhrelid = c.oid
    WHERE (i.indisvalid OR t.relkind = 'p') AND i.indisready AND t.relpersistence <> 't' AND """
    + OURS
    + " AND "
    + own("pg_class", "t.oid")
)

# Constraints that PostgreSQL makes for partitions get names of its own choice; NOT NULL is told
# with the column.
_CONSTRAINTS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', coalesce(t.relname, y.typname), '.', o.conname),
        ROW(o.contype, pg_catalog.pg_get_constraintdef(o.oid), o.convalidated, """
    + said("pg_constraint", "o.oid")
    + """)::text
    FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace
    LEFT JOIN pg_class t ON t.oid = o.conrelid LEFT JOIN pg_type y ON y.oid = o.contypid
    WHERE o.contype NOT IN ('n', 't') AND NOT (o.contype = 'f' AND o.conparentid <> 0)
    AND coalesce(t.relpersistence, 'p') <> 't' AND """
    + OURS
    + " AND (o.conrelid = 0 OR "
    + own("pg_class", "o.conrelid")
    + ") AND (o.contypid = 0 OR "
    + own("pg_type", "o.contypid")
    + ")"
)

_ON_TABLES: Final[LiteralString] = (
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' AND "
    + OURS
    + " AND "
    + own("pg_class", "c.oid")
)

_TRIGGERS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname, '.', g.tgname),
        ROW(pg_catalog.pg_get_triggerdef(g.oid), g.tgenabled, """
    + said("pg_trigger", "g.oid")
    + ")::text FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid"
    + _ON_TABLES
    + " AND NOT g.tgisinternal AND g.tgparentid = 0"
)

_POLICIES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname, '.', p.polname),
        ROW(p.polcmd, p.polpermissive, (SELECT pg_catalog.string_agg(
            CASE WHEN r = 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(r) END, ','
            ORDER BY pg_catalog.pg_get_userbyid(r)) FROM pg_catalog.unnest(p.polroles) r),
        pg_catalog.pg_get_expr(p.polqual, p.polrelid),
        pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), """
    + said("pg_policy", "p.oid")
    + ")::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
    + _ON_TABLES
)

_RULES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.relname, '.', w.rulename),
        ROW(pg_catalog.pg_get_ruledef(w.oid), w.ev_enabled, """
    + said("pg_rewrite", "w.oid")
    + ")::text FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class"
    + _ON_TABLES
    + " AND w.rulename <> '_RETURN'"
)

_FUNCTIONS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(p.oid::regprocedure), ROW(p.prokind, CASE WHEN p.prokind <> 'a'
            THEN pg_catalog.pg_get_functiondef(p.oid) END,
        (SELECT ROW(a.aggkind, a.aggnumdirectargs, a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
            a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn,
            a.aggsortop::regoperator, a.aggtranstype::regtype, a.agginitval, a.aggminitval)
            FROM pg_aggregate a WHERE a.aggfnoid = p.oid),
        pg_catalog.pg_get_userbyid(p.proowner), """
    + rights("p.proacl", "f", "p.proowner")
    + ", "
    + said("pg_proc", "p.oid")
    + """)::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE """
    + OURS
    + " AND "
    + own("pg_proc", "p.oid")
    # the functions of a range type come with it
    + """ AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass
        AND i.objid = p.oid AND i.deptype = 'i')"""
)

_TYPES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', t.typname), ROW(t.typtype,
        pg_catalog.pg_get_userbyid(t.typowner), """
    + rights("t.typacl", "T", "t.typowner")
    + """, (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ','
            ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
        CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
        t.typnotnull, t.typdefault, t.typcollation::regcollation,
        CASE WHEN t.typtype = 'b' THEN ROW(t.typinput, t.typoutput, t.typreceive, t.typsend,
            t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred,
            t.typdelim, t.typelem::regtype)::text END,
        (SELECT ROW(r.rngsubtype::regtype, r.rngcollation::regcollation, r.rngcanonical,
            r.rngsubdiff, r.rngmultitypid::regtype, c.opcname)
            FROM pg_range r JOIN pg_opclass c ON c.oid = r.rngsubopc WHERE r.rngtypid = t.oid),
        CASE WHEN t.typtype = 'c' THEN ("""
    + _COLUMNS
    + "t.typrelid) END, "
    + said("pg_type", "t.oid")
    + """)::text
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class k ON k.oid = t.typrelid
    WHERE (t.typrelid = 0 OR k.relkind = 'c') AND t.typtype IN ('b', 'c', 'd', 'e', 'r', 'p')
    AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND """
    + OURS
    + " AND "
    + own("pg_type", "t.oid")
)

_SCHEMAS: Final[LiteralString] = (
    "SELECT n.nspname::text, ROW(pg_catalog.pg_get_userbyid(n.nspowner), "
    + rights("n.nspacl", "n", "n.nspowner")
    + ", "
    + said("pg_namespace", "n.oid")
    + ")::text FROM pg_namespace n WHERE "
    + OURS
    + " AND "
    + own("pg_namespace", "n.oid")
)

SEQUENCE_NAMES: Final[LiteralString] = (
    "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND "
    + OURS
    + " AND "
    + own("pg_class", "c.oid")
    + " ORDER BY 1, 2"
)
"""For asking each sequence where it stands."""

QUERIES: Final[dict[str, LiteralString]] = {
    "schema": _SCHEMAS,
    "relation": _RELATIONS,
    "sequence definition": _SEQUENCES,
    "index": _INDEXES,
    "constraint": _CONSTRAINTS,
    "trigger": _TRIGGERS,
    "policy": _POLICIES,
    "rule": _RULES,
    "function": _FUNCTIONS,
    "type": _TYPES,
}
