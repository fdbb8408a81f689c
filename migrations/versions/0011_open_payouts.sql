-- Bonuses that were neither settled nor cancelled when the sweep last looked, and up to where it has looked. An ending is never taken
-- back, so a sweep need not look again at what has ended, which in the end is nearly all. Both can be worked out from the log anew:
-- empty the table and set swept_position to 0.
CREATE TABLE ledger.payout_open (
    payout_id text PRIMARY KEY,
    referrer_id text NOT NULL,
    earned_position bigint NOT NULL
);
ALTER TABLE ledger.payout_watch ADD COLUMN swept_position bigint NOT NULL DEFAULT 0;

GRANT SELECT, INSERT, DELETE ON ledger.payout_open TO ledger_app;
GRANT SELECT ON ledger.payout_open TO ledger_read;
