-- Reconciliation: the lines of runs, beside what the log says of them. The event ReconciliationCompleted has a digest over them.
CREATE TABLE ledger.reconciliation_run (
    run_id text PRIMARY KEY,
    lines integer NOT NULL CHECK (lines >= 0),
    stored_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ledger.reconciliation_run IS 'A run whose lines are stored, all of them in the same transaction as this row';

-- A line of either side, or two that belong together. Amounts in minor units, signed as they change Stripe's balance.
-- No foreign key: one transaction writes both tables, and nobody may delete from either.
CREATE TABLE ledger.reconciliation_line (
    run_id text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    book text NOT NULL CHECK (book IN ('log', 'bank')),
    line_class text NOT NULL,
    category text NOT NULL,                   -- Stripe's reporting category
    matched_by text,                          -- id, payout_id, amount_and_time, sum
    book_line_id text,                        -- of the log: a transfer; of the bank: what was made of the line's content
    book_at timestamptz,
    book_minor bigint,
    stripe_line_id text,                      -- the balance transaction
    stripe_source_id text,                    -- the object that moved the money
    stripe_at timestamptz,
    stripe_minor bigint,
    payout_id text,
    exception_id text,
    PRIMARY KEY (run_id, number),
    CHECK (book_line_id IS NOT NULL OR stripe_line_id IS NOT NULL)
);
CREATE INDEX reconciliation_line_class ON ledger.reconciliation_line (run_id, line_class, number);

-- Written once: the application may add and read, and nothing else.
GRANT SELECT, INSERT ON ledger.reconciliation_run, ledger.reconciliation_line TO ledger_app;
GRANT SELECT ON ledger.reconciliation_run, ledger.reconciliation_line TO ledger_read;
