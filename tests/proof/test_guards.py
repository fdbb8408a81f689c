"""What keeps the log from being changed: whoever takes a guard away, or gets around one, is named by the next verification."""

import psycopg
import pytest

from ledger.proof.findings import FindingKind
from ledger.proof.guards import QUERIES
from tests.proof.sealed_log import SealedLog
from tests.proof.tamperer import Tamperer

WITH_A_CONDITION = """
DROP TRIGGER refuse_change ON ledger.event;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER refuse_change
"""
BODY_MOVED_ASIDE = """
SET LOCAL check_function_bodies = off;
DO $do$ BEGIN
    EXECUTE format(
        'CREATE FUNCTION ledger.refuse_change(integer) RETURNS void LANGUAGE plpgsql AS %L',
        (SELECT prosrc FROM pg_proc WHERE oid = 'ledger.refuse_change()'::regprocedure)
    );
END $do$;
CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'
"""
REWRITTEN_ON_THE_WAY_IN = """
CREATE FUNCTION public.rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.actor := ''ada''; RETURN NEW; END';
CREATE TRIGGER rewrite BEFORE INSERT ON ledger.event FOR EACH ROW EXECUTE FUNCTION public.rewrite()
"""
A_NAMESAKE = "CREATE FUNCTION ledger.append(batch text) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'"
MEMBER_OF_THE_OWNER = "DO $$ BEGIN EXECUTE format('GRANT %I TO ledger_app', current_user); END $$"
UNGUARDED = [
    ("ALTER TABLE ledger.event DISABLE TRIGGER refuse_change", "trigger refuse_change on ledger.event is"),
    ("ALTER TABLE ledger.event_tag ENABLE TRIGGER refuse_change", "trigger refuse_change on ledger.event_tag is"),
    ("DROP TRIGGER refuse_gap ON ledger.log_head", "trigger refuse_gap on ledger.log_head is"),
    (WITH_A_CONDITION, "trigger refuse_change on ledger.event is"),
    (
        "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "function ledger.refuse_change is",
    ),
    ("GRANT UPDATE (data) ON ledger.event TO ledger_app", "role ledger_app may UPDATE on ledger.event."),
    ("GRANT DELETE ON ledger.event_tag TO ledger_read", "role ledger_read may DELETE on ledger.event_tag."),
    ("GRANT INSERT ON ledger.event TO ledger_seal", "role ledger_seal may INSERT on ledger.event."),
    ("GRANT INSERT ON proof.checkpoint TO ledger_app", "role ledger_app may INSERT on proof.checkpoint."),
    ("GRANT INSERT (hashes) ON proof.tile TO ledger_app", "role ledger_app may INSERT on proof.tile."),
    ("GRANT UPDATE ON proof.tile TO PUBLIC", "role ledger_read may UPDATE on proof.tile."),
    ("GRANT UPDATE (note) ON proof.checkpoint TO ledger_seal", "role ledger_seal may UPDATE on proof.checkpoint."),
    ("GRANT UPDATE (tile_index) ON proof.tile TO ledger_seal", "role ledger_seal may UPDATE on proof.tile."),
    ("GRANT TRUNCATE ON proof.tile TO ledger_seal", "role ledger_seal may TRUNCATE on proof.tile."),
    ("GRANT ledger_seal TO ledger_app", "role ledger_app is a member of ledger_seal."),
    ("GRANT ledger_app TO ledger_read", "role ledger_read is a member of ledger_app."),
    ("ALTER TABLE proof.checkpoint DISABLE TRIGGER refuse_change", "trigger refuse_change on proof.checkpoint is"),
    ("DROP TRIGGER refuse_rewriting ON proof.tile", "trigger refuse_rewriting on proof.tile is"),
    (
        "CREATE OR REPLACE FUNCTION proof.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "function proof.refuse_rewriting is",
    ),
    ("ALTER TABLE proof.checkpoint ENABLE ROW LEVEL SECURITY", "table proof.checkpoint has row security"),
    ("CREATE RULE nothing AS ON INSERT TO ledger.event DO ALSO NOTHING", "table ledger.event has rules"),
    ("ALTER TABLE ledger.event ENABLE ROW LEVEL SECURITY", "table ledger.event has row security"),
    ("CREATE TABLE ledger.more () INHERITS (ledger.event)", "table ledger.event is not alone"),
    (
        "ALTER TABLE ledger.event RENAME TO event_hidden; CREATE VIEW ledger.event AS TABLE ledger.event_hidden",
        "table ledger.event is not an ordinary table",
    ),
    (BODY_MOVED_ASIDE, "function ledger.refuse_change is"),
    (A_NAMESAKE, "function ledger.append(text) is none of this release"),
    ("ALTER FUNCTION ledger.append(jsonb) SET search_path = public, pg_catalog", "function ledger.append is"),
    ("ALTER FUNCTION ledger.append(jsonb) SECURITY INVOKER", "function ledger.append is"),
    (REWRITTEN_ON_THE_WAY_IN, "table ledger.event has a trigger that is none of this release: rewrite."),
    ("GRANT TRIGGER ON ledger.event TO ledger_app", "role ledger_app may TRIGGER on ledger.event."),
    ("GRANT EXECUTE ON FUNCTION ledger.append(jsonb) TO ledger_read", "role ledger_read may append to the log."),
    ("GRANT CREATE ON SCHEMA proof TO ledger_app", "role ledger_app may create something in the schema proof."),
    ("ALTER FUNCTION ledger.append(jsonb) OWNER TO ledger_app", "who owns ledger.append(jsonb)."),
    (MEMBER_OF_THE_OWNER, "who owns ledger.event."),
    ("DROP TRIGGER refuse_added_line ON ledger.reconciliation_line", "trigger refuse_added_line on"),
    ("ALTER TABLE ledger.reconciliation_run DISABLE TRIGGER refuse_change", "refuse_change on ledger.reconciliation_run is"),
    ("GRANT UPDATE (book_minor) ON ledger.reconciliation_line TO ledger_app", "may UPDATE on ledger.reconciliation_line."),
    ("GRANT INSERT ON ledger.reconciliation_line TO ledger_read", "ledger_read may INSERT on ledger.reconciliation_line."),
    (
        "CREATE OR REPLACE FUNCTION ledger.refuse_added_line() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "function ledger.refuse_added_line is",
    ),
    ("DROP TABLE ledger.log_head; CREATE TABLE ledger.log_head (position bigint)", "trigger refuse_gap on ledger.log_head"),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "what"), UNGUARDED)
def test_a_guard_that_was_taken_away_is_named(history: SealedLog, statements: str, what: str) -> None:
    with psycopg.connect(history.url) as owner:
        owner.execute(statements.encode())
        found = guards_missing_on(owner)
        owner.rollback()
    assert any(what in sentence for sentence in found)
    assert [finding for finding in history.verify().findings if finding.kind is FindingKind.GUARD_MISSING] == []


def guards_missing_on(connection: psycopg.Connection) -> list[str]:
    """As the verification asks, inside a transaction that is taken back: names are in full, whatever the owner is called."""
    connection.execute("SET LOCAL search_path = pg_catalog")
    return [what for (what,) in connection.execute(QUERIES["guards"], {})]


OTHER_ANSWERS = """
CREATE SCHEMA other;
CREATE FUNCTION other.has_table_privilege(oid, oid, text) RETURNS boolean LANGUAGE sql RETURN false;
CREATE FUNCTION other.array_position(text[], text) RETURNS integer LANGUAGE sql RETURN NULL::integer;
GRANT USAGE ON SCHEMA other TO PUBLIC;
GRANT DELETE ON ledger.event TO ledger_app;
TRUNCATE ledger.event_tag;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = other, pg_catalog', current_database()); END $$
"""


def test_functions_that_a_database_puts_before_those_of_postgresql_are_not_asked(log: SealedLog) -> None:
    log.record_and_seal(10)
    with psycopg.connect(log.url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.event_tag DISABLE TRIGGER ALL")
        owner.execute(OTHER_ANSWERS.encode())
        owner.execute("ALTER TABLE ledger.event_tag ENABLE ALWAYS TRIGGER refuse_change")
    assert log.found() == [(FindingKind.GUARD_MISSING, 0, 0), (FindingKind.INDEX_CHANGED, 1, 10)]


def test_a_verification_tells_of_missing_guards(tamperer: Tamperer) -> None:
    with psycopg.connect(tamperer.log.url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.event DISABLE TRIGGER refuse_change")
    assert tamperer.log.found() == [(FindingKind.GUARD_MISSING, 0, 0)]
    tamperer.guard()
    assert tamperer.log.verify().holds
