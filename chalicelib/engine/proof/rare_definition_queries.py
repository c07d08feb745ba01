"""Questions to the catalogue for the classes of objects that most databases have none of.

The rules are those of `definition_queries`. Secrets stay out: of user mappings and subscriptions
only what is no connection string or password is asked for.
"""

from __future__ import annotations

from typing import Final, LiteralString

from chalicelib.engine.proof.definition_queries import OURS, in_order, own, rights, said

_EXTENSIONS: Final[LiteralString] = """
    SELECT e.extname::text, ROW(n.nspname)::text
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
"""
_CASTS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(c.castsource::regtype, ' AS ', c.casttarget::regtype),
        ROW(c.castfunc::regprocedure, c.castcontext, c.castmethod, """
    + said("pg_cast", "c.oid")
    + ")::text FROM pg_cast c WHERE c.oid >= 16384 AND "
    + own("pg_cast", "c.oid")
)
_OPERATORS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(o.oid::regoperator), ROW(o.oprcode, o.oprcom::regoperator,
        o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash,
        pg_catalog.pg_get_userbyid(o.oprowner), """
    + said("pg_operator", "o.oid")
    + """)::text
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oprcode <> 0 AND """
    + OURS
    + " AND "
    + own("pg_operator", "o.oid")
)
_OPERATOR_CLASSES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', o.opcname, ' for ', m.amname), ROW(
        o.opcintype::regtype, o.opcdefault, o.opckeytype::regtype, f.opfname,
        pg_catalog.pg_get_userbyid(o.opcowner), (SELECT pg_catalog.string_agg(
            ROW(x.amopstrategy, x.amopopr::regoperator, x.amoppurpose)::text, ','
            ORDER BY x.amopstrategy, x.amopopr::regoperator::text)
            FROM pg_amop x WHERE x.amopfamily = f.oid),
        (SELECT pg_catalog.string_agg(ROW(x.amprocnum, x.amproc::regprocedure)::text, ','
            ORDER BY x.amprocnum, x.amproc::regprocedure::text)
            FROM pg_amproc x WHERE x.amprocfamily = f.oid), """
    + said("pg_opclass", "o.oid")
    + """)::text
    FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace
    JOIN pg_am m ON m.oid = o.opcmethod JOIN pg_opfamily f ON f.oid = o.opcfamily WHERE """
    + OURS
    + " AND "
    + own("pg_opclass", "o.oid")
)
_COLLATIONS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.collname), ROW(c.collprovider,
        c.collisdeterministic, c.collcollate, c.collctype,
        pg_catalog.pg_get_userbyid(c.collowner), """
    + said("pg_collation", "c.oid")
    + ")::text FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE "
    + OURS
    + " AND "
    + own("pg_collation", "c.oid")
)
_CONVERSIONS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.conname), ROW(c.conforencoding, c.contoencoding,
        c.conproc, c.condefault, pg_catalog.pg_get_userbyid(c.conowner), """
    + said("pg_conversion", "c.oid")
    + ")::text FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace WHERE "
    + OURS
    + " AND "
    + own("pg_conversion", "c.oid")
)
_TEXT_SEARCHES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.cfgname), ROW(p.prsname,
        pg_catalog.pg_get_userbyid(c.cfgowner), (SELECT pg_catalog.string_agg(
            ROW(m.maptokentype, m.mapseqno, m.mapdict::regdictionary)::text, ','
            ORDER BY m.maptokentype, m.mapseqno)
            FROM pg_ts_config_map m WHERE m.mapcfg = c.oid), """
    + said("pg_ts_config", "c.oid")
    + """)::text
    FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
    JOIN pg_ts_parser p ON p.oid = c.cfgparser WHERE """
    + OURS
    + " AND "
    + own("pg_ts_config", "c.oid")
)
_DICTIONARIES: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', c.dictname), ROW(t.tmplname, c.dictinitoption,
        pg_catalog.pg_get_userbyid(c.dictowner), """
    + said("pg_ts_dict", "c.oid")
    + """)::text
    FROM pg_ts_dict c JOIN pg_namespace n ON n.oid = c.dictnamespace
    JOIN pg_ts_template t ON t.oid = c.dicttemplate WHERE """
    + OURS
    + " AND "
    + own("pg_ts_dict", "c.oid")
)
_WRAPPERS: Final[LiteralString] = (
    """
    SELECT w.fdwname::text, ROW(w.fdwhandler::regproc, w.fdwvalidator::regproc, """
    + in_order("w.fdwoptions")
    + ", pg_catalog.pg_get_userbyid(w.fdwowner), "
    + rights("w.fdwacl", "F", "w.fdwowner")
    + ", "
    + said("pg_foreign_data_wrapper", "w.oid")
    + ")::text FROM pg_foreign_data_wrapper w WHERE "
    + own("pg_foreign_data_wrapper", "w.oid")
)
_SERVERS: Final[LiteralString] = (
    """
    SELECT s.srvname::text, ROW(w.fdwname, s.srvtype, s.srvversion, """
    + in_order("s.srvoptions")
    + ", pg_catalog.pg_get_userbyid(s.srvowner), "
    + rights("s.srvacl", "S", "s.srvowner")
    + ", "
    + said("pg_foreign_server", "s.oid")
    + """)::text
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE """
    + own("pg_foreign_server", "s.oid")
)
_MAPPINGS: Final[LiteralString] = """
    SELECT pg_catalog.concat(m.srvname, ' for ', m.usename), ''::text FROM pg_user_mappings m
"""
_PUBLICATIONS: Final[LiteralString] = (
    """
    SELECT p.pubname::text, ROW((pg_catalog.to_jsonb(p) - 'oid') - 'pubowner',
        pg_catalog.pg_get_userbyid(p.pubowner), (SELECT pg_catalog.string_agg(
            x.prrelid::regclass::text, ',' ORDER BY x.prrelid::regclass::text)
            FROM pg_publication_rel x WHERE x.prpubid = p.oid), """
    + said("pg_publication", "p.oid")
    + ")::text FROM pg_publication p WHERE "
    + own("pg_publication", "p.oid")
)
# pg_dump leaves subscriptions out for all but superusers, so for others there is nothing to compare
_SUBSCRIPTIONS: Final[LiteralString] = """
    SELECT s.subname::text, ROW(pg_catalog.pg_get_userbyid(s.subowner), s.subpublications)::text
    FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
    WHERE d.datname = pg_catalog.current_database()
    AND (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)
"""
_EVENT_TRIGGERS: Final[LiteralString] = (
    """
    SELECT e.evtname::text, ROW(e.evtevent, e.evtfoid::regprocedure, e.evtenabled, e.evttags,
        pg_catalog.pg_get_userbyid(e.evtowner), """
    + said("pg_event_trigger", "e.oid")
    + ")::text FROM pg_event_trigger e WHERE "
    + own("pg_event_trigger", "e.oid")
)
_STATISTICS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(n.nspname, '.', s.stxname), ROW(
        pg_catalog.pg_get_statisticsobjdef(s.oid), coalesce(s.stxstattarget, -1),
        pg_catalog.pg_get_userbyid(s.stxowner), """
    + said("pg_statistic_ext", "s.oid")
    + """)::text
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE """
    + OURS
    + " AND "
    + own("pg_class", "s.stxrelid")
)
_LANGUAGES: Final[LiteralString] = (
    """
    SELECT l.lanname::text, ROW(l.lanpltrusted, l.lanplcallfoid::regproc, l.laninline::regproc,
        l.lanvalidator::regproc, pg_catalog.pg_get_userbyid(l.lanowner), """
    + rights("l.lanacl", "l", "l.lanowner")
    + ")::text FROM pg_language l WHERE l.lanispl AND "
    + own("pg_language", "l.oid")
)
_TRANSFORMS: Final[LiteralString] = """
    SELECT pg_catalog.concat(t.trftype::regtype, ' in ', l.lanname),
        ROW(t.trffromsql::regprocedure, t.trftosql::regprocedure)::text
    FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang WHERE """ + own(
    "pg_transform", "t.oid"
)
_ACCESS_METHODS: Final[LiteralString] = (
    "SELECT m.amname::text, ROW(m.amtype, m.amhandler)::text FROM pg_am m WHERE m.oid >= 16384 AND "
    + own("pg_am", "m.oid")
)
_DEFAULT_RIGHTS: Final[LiteralString] = (
    """
    SELECT pg_catalog.concat(pg_catalog.pg_get_userbyid(d.defaclrole), ' on ', d.defaclobjtype,
        ' in ', coalesce(n.nspname, 'all schemas')), """
    + in_order("d.defaclacl::text[]")
    + """
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
"""
)

QUERIES: Final[dict[str, LiteralString]] = {
    "extension": _EXTENSIONS,
    "cast": _CASTS,
    "operator": _OPERATORS,
    "operator class": _OPERATOR_CLASSES,
    "collation": _COLLATIONS,
    "conversion": _CONVERSIONS,
    "text search configuration": _TEXT_SEARCHES,
    "text search dictionary": _DICTIONARIES,
    "foreign-data wrapper": _WRAPPERS,
    "foreign server": _SERVERS,
    "user mapping": _MAPPINGS,
    "publication": _PUBLICATIONS,
    "subscription": _SUBSCRIPTIONS,
    "event trigger": _EVENT_TRIGGERS,
    "statistics object": _STATISTICS,
    "procedural language": _LANGUAGES,
    "transform": _TRANSFORMS,
    "access method": _ACCESS_METHODS,
    "default privileges": _DEFAULT_RIGHTS,
}
