-- Columns are those of the row classes in projections/rows.py, which the projector writes set-wise.

-- Every instructor that any fact spoke of.
CREATE TABLE read_model.instructor (
    instructor_id text PRIMARY KEY,
    codes text[] NOT NULL,                    -- in the order of issue
    live_at timestamptz,
    first_lesson_at timestamptz,
    stripe_account_id text,
    transfers_active boolean,
    account_updated_at timestamptz,
    account_position bigint
);

-- One referred instructor's journey.
CREATE TABLE read_model.referral (
    referral_id text PRIMARY KEY,
    referred_id text NOT NULL UNIQUE,
    referrer_id text NOT NULL,
    code text NOT NULL,
    status text NOT NULL,
    attributed_at timestamptz NOT NULL,
    attributed_position bigint NOT NULL,
    live_at timestamptz,
    first_lesson_at timestamptz,
    earned_at timestamptz,
    tier text,
    founding_spot integer,
    amount_minor bigint,
    currency text,
    payout_id text
);
CREATE INDEX referral_by_referrer ON read_model.referral (referrer_id, attributed_position);

-- Our obligations. `state` is what ledger.payouts.payout.Payout folds the payout's events to.
CREATE TABLE read_model.payout (
    payout_id text PRIMARY KEY,
    referral_id text NOT NULL,
    referrer_id text NOT NULL,
    referred_id text NOT NULL,
    status text NOT NULL,
    earned_position bigint NOT NULL UNIQUE,
    earned_at timestamptz NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    tier text NOT NULL,
    attempt integer NOT NULL,
    destination text,
    transfer_id text,
    settled_at timestamptz,
    state jsonb NOT NULL
);
CREATE INDEX payout_by_referrer ON read_model.payout (referrer_id, earned_position);
CREATE INDEX payout_by_status ON read_model.payout (status, earned_position);

-- Sums for each referrer: how many of their referrals have which status, and money in minor units.
CREATE TABLE read_model.instructor_earnings (
    instructor_id text PRIMARY KEY,
    pending_live bigint NOT NULL,
    pending_lesson bigint NOT NULL,
    pending_transfer bigint NOT NULL,
    paid bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    reversed bigint NOT NULL,
    earned_minor bigint NOT NULL,
    pending_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,
    failed_minor bigint NOT NULL
);

-- The same sums for the whole program, its terms and founding spots, and what concerns all payouts at once. One row.
CREATE TABLE read_model.program (
    only_row boolean PRIMARY KEY CHECK (only_row),
    position bigint NOT NULL,                 -- the checkpoint: all tables reflect the log up to here
    founding_cap bigint NOT NULL,
    founding_bonus_minor bigint NOT NULL,
    standard_bonus_minor bigint NOT NULL,
    currency text NOT NULL,
    spots_filled bigint NOT NULL,
    founding_bonuses bigint NOT NULL,
    standard_bonuses bigint NOT NULL,
    funds_position bigint NOT NULL,
    credentials_rejected_at timestamptz,
    pending_live bigint NOT NULL,
    pending_lesson bigint NOT NULL,
    pending_transfer bigint NOT NULL,
    paid bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    reversed bigint NOT NULL,
    earned_minor bigint NOT NULL,
    pending_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,
    failed_minor bigint NOT NULL
);
