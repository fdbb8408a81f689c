-- What the outside asks of the read models. Every answer names the position it reflects, read in the same snapshot.

-- name: program
SELECT * FROM program;

-- name: referral_of
SELECT * FROM referral WHERE referral_id = %(referral_id)s AND referrer_id = %(referrer_id)s;

-- name: months_of
-- A referrer's money by month (UTC, by when it happened): payout_by_referrer finds their own rows, and no others are read.
SELECT month AT TIME ZONE 'UTC' AS month, sum(earned_minor)::bigint AS earned_minor, sum(paid_minor)::bigint AS paid_minor
FROM (
    SELECT date_trunc('month', earned_at AT TIME ZONE 'UTC') AS month, amount_minor AS earned_minor, 0 AS paid_minor
    FROM payout
    WHERE referrer_id = %(referrer_id)s
    UNION ALL
    SELECT date_trunc('month', settled_at AT TIME ZONE 'UTC'), 0, amount_minor - reversed_minor
    FROM payout
    WHERE referrer_id = %(referrer_id)s AND status = 'paid'
) AS money
GROUP BY month
ORDER BY month;

-- name: referrals
SELECT *
FROM referral
WHERE attributed_position > %(after)s
ORDER BY attributed_position
LIMIT %(limit)s;

-- name: payouts_by_id
SELECT * FROM payout WHERE payout_id = ANY (%(payout_ids)s);

-- name: payouts
SELECT *
FROM payout
WHERE earned_position < %(before)s
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(referrer_id)s::text IS NULL OR referrer_id = %(referrer_id)s)
ORDER BY earned_position DESC
LIMIT %(limit)s;

-- name: may_wait_for_somebody
-- Whatever a person may have to look at, what came back and is owed again included: why each waits is worked out from its state.
-- Where Stripe rejects our key, everything that is owed waits for somebody. What a second person has to decide on is in open_approvals.
SELECT *
FROM payout
WHERE open_approval IS NULL
  AND (
      status = 'failed'
      OR status = 'pending_transfer'
          AND (state->>'hold' IS NOT NULL OR state->>'unresolved' IS NOT NULL OR %(credentials_rejected)s)
      OR status IN ('paid', 'reversed') AND reversed_minor > given_up_minor
  )
ORDER BY earned_position
LIMIT %(limit)s;

-- name: payout_days
-- What became of attempts on the days since then (UTC), by when it happened; journal_line_occurred_at is the index.
SELECT
    (occurred_at AT TIME ZONE 'UTC')::date AS day,
    count(*) FILTER (WHERE event_type = 'TransferSettled') AS settled,
    count(*) FILTER (WHERE event_type = 'TransferFailed') AS failed,
    coalesce(
        sum(abs(amount_minor)) FILTER (WHERE event_type = 'TransferSettled' AND currency = %(currency)s), 0
    )::bigint AS settled_minor
FROM journal_line
WHERE occurred_at >= %(since)s AND line = 1 AND event_type IN ('TransferSettled', 'TransferFailed')
GROUP BY day;

-- name: open_approvals
-- What a second person has to decide on, by the age of the bonus; payout_open_approval is its index.
SELECT *
FROM payout
WHERE open_approval IS NOT NULL AND earned_position > %(after)s
ORDER BY earned_position
LIMIT %(limit)s;

-- name: bank_accounts
SELECT * FROM bank_account WHERE stripe_account_id = ANY (%(stripe_account_ids)s);

-- name: instructors
SELECT * FROM instructor WHERE instructor_id = ANY (%(instructor_ids)s);

-- name: parts
-- Equal bonuses together, each group with the first few of them. %(first)s: how many. What each adds to the figure is the share
-- asked for, see PayoutRow.shares.
SELECT equal.*, equal.count * equal.each_minor AS sum_minor, first_few.payout_ids AS first_payouts
FROM (
    SELECT
        status, tier, amount_minor AS bonus_minor, reversed_minor, given_up_minor,
        CASE %(share)s::text
            WHEN 'paid' THEN amount_minor - reversed_minor
            WHEN 'reversed' THEN reversed_minor - given_up_minor
            WHEN 'cancelled' THEN CASE status WHEN 'cancelled' THEN amount_minor ELSE given_up_minor END
            ELSE amount_minor
        END AS each_minor,
        count(*) AS count,
        min(earned_position) AS first_position, max(earned_position) AS last_position
    FROM payout
    WHERE status = ANY (%(statuses)s)
      AND (%(tier)s::text IS NULL OR tier = %(tier)s)
    GROUP BY status, tier, amount_minor, reversed_minor, given_up_minor
) AS equal
CROSS JOIN LATERAL (
    SELECT array_agg(found.payout_id ORDER BY found.earned_position) AS payout_ids
    FROM (
        SELECT payout_id, earned_position
        FROM payout
        WHERE payout.status = equal.status
          AND payout.tier = equal.tier
          AND payout.amount_minor = equal.bonus_minor
          AND payout.reversed_minor = equal.reversed_minor
          AND payout.given_up_minor = equal.given_up_minor
        ORDER BY earned_position
        LIMIT %(first)s
    ) AS found
) AS first_few
WHERE %(share)s::text IS NULL OR equal.each_minor > 0
ORDER BY equal.first_position;

-- name: position_of_event
SELECT position FROM ledger.event WHERE event_id = %(event_id)s;
