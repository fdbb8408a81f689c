-- Which payouts to look at, and when. Only wakes workers up: every decision is taken from the log, and the list can be
-- rebuilt from it.
CREATE TABLE ledger.payout_todo (
    payout_id text PRIMARY KEY,
    referrer_id text NOT NULL,
    due_at timestamptz,                       -- null: waits for an event, not for a time
    waiting_for text,                         -- ledger.reasons.Reason
    leased_until timestamptz,                 -- a worker is looking at it until then
    wakeups bigint NOT NULL DEFAULT 0         -- counts events that made it due, so that a busy worker misses none
);
CREATE INDEX payout_todo_due ON ledger.payout_todo (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payout_todo_referrer ON ledger.payout_todo (referrer_id);

-- Up to where the log has been taken into the list. One row; its lock lets one follower at a time move it.
CREATE TABLE ledger.payout_todo_checkpoint (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO ledger.payout_todo_checkpoint (position) VALUES (0);

-- What is personal. Never in the log; a row may be deleted at any time.
CREATE TABLE ledger.person (
    instructor_id text PRIMARY KEY,
    display_name text,
    popup_seen_at timestamptz
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.payout_todo, ledger.person TO ledger_app;
GRANT SELECT, UPDATE ON ledger.payout_todo_checkpoint TO ledger_app;
GRANT SELECT ON ledger.payout_todo, ledger.payout_todo_checkpoint TO ledger_read;
