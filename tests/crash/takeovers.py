"""Counts, inside the database, how often a payout was taken over because the lease of whoever had it ran out.

A worker that lives gives its payouts back; one that was killed leaves the lease behind, and somebody else's claim of the
same row is the takeover.
"""

import psycopg

__all__ = ["count_takeovers", "takeovers"]

COUNT = """
CREATE SCHEMA crash_campaign;
CREATE TABLE crash_campaign.takeover (payout_id text NOT NULL);
CREATE FUNCTION crash_campaign.note_takeover() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO crash_campaign.takeover VALUES (NEW.payout_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER note_takeover AFTER UPDATE ON ledger.payout_todo FOR EACH ROW
WHEN (OLD.leased_until <= now() AND NEW.leased_until > now())
EXECUTE FUNCTION crash_campaign.note_takeover();
"""


def count_takeovers(url: str) -> None:
    """From now on. `url` leads to the ledger's database as its owner."""
    with psycopg.connect(url) as connection:
        connection.execute(COUNT)


def takeovers(url: str) -> int:
    """How many there were."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM crash_campaign.takeover").fetchone()
    return int(row[0]) if row else 0
