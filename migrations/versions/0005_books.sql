-- The journal: lines of balanced entries and their daily sums, as read models. They are only ever added to.

-- One line of an entry; the entry is the event at `position`.
CREATE TABLE read_model.journal_line (
    position bigint NOT NULL,
    line smallint NOT NULL,                   -- from 1
    event_type text NOT NULL,                 -- what posted it
    account text NOT NULL,
    instructor_id text,                       -- of the accounts kept for each instructor
    payout_id text NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,             -- positive: a debit, negative: a credit; an entry sums to zero
    occurred_at timestamptz NOT NULL,         -- when it happened: the effective date
    recorded_at timestamptz NOT NULL,         -- when we knew; never decreases with position
    period text COLLATE "C" NOT NULL,         -- YYYY-MM: the month whose books it belongs to
    PRIMARY KEY (position, line)
);
CREATE INDEX journal_line_occurred_at ON read_model.journal_line (occurred_at);
CREATE INDEX journal_line_account ON read_model.journal_line (account, position);
CREATE INDEX journal_line_instructor ON read_model.journal_line (instructor_id, position) WHERE instructor_id IS NOT NULL;
CREATE INDEX journal_line_payout ON read_model.journal_line (payout_id);
CREATE INDEX journal_line_period ON read_model.journal_line (period, position);

-- Its sums by day (UTC), by both clocks: a balance at any moment is whole days from here, and lines of the days it cuts through.
CREATE TABLE read_model.journal_day (
    recorded_day date NOT NULL,
    effective_day date NOT NULL,
    period text COLLATE "C" NOT NULL,
    account text NOT NULL,
    currency text NOT NULL,
    debit_minor bigint NOT NULL,
    credit_minor bigint NOT NULL,
    last_position bigint NOT NULL,            -- of its lines
    PRIMARY KEY (recorded_day, effective_day, period, account, currency)
);

-- The newest month to which nothing is posted any more.
ALTER TABLE read_model.program ADD COLUMN cut_off_month text;

-- The journal of what is on the log already: the read models begin anew, and the projector brings all of them back.
TRUNCATE read_model.program, read_model.instructor, read_model.referral, read_model.payout, read_model.instructor_earnings,
    read_model.bank_account;
