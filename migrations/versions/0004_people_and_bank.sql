-- What came back of a payout's transfer, and the request that a second person still has to decide on (its number).
ALTER TABLE read_model.payout
    ADD COLUMN reversed_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN open_approval integer;
CREATE INDEX payout_open_approval ON read_model.payout (earned_position) WHERE open_approval IS NOT NULL;

ALTER TABLE read_model.instructor_earnings
    ADD COLUMN cancelled_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN reversed_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE read_model.program
    ADD COLUMN cancelled_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN reversed_minor bigint NOT NULL DEFAULT 0;

-- The newest that Stripe told of a connected account's payouts to its bank.
CREATE TABLE read_model.bank_account (
    stripe_account_id text PRIMARY KEY,
    status text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    failure_message text,
    reported_at timestamptz NOT NULL
);

-- When the net was drawn last, and until when what Stripe told while nobody listened has been fetched. One row.
CREATE TABLE ledger.payout_watch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    swept_at timestamptz NOT NULL,
    told_until timestamptz
);
INSERT INTO ledger.payout_watch (swept_at) VALUES ('-infinity');

GRANT SELECT, UPDATE ON ledger.payout_watch TO ledger_app;
GRANT SELECT ON ledger.payout_watch TO ledger_read;
