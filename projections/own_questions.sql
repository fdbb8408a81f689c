-- What dashboards ask for all the time: one statement each, which is a snapshot by itself, with no more columns than the answer
-- needs. Each answers any number of such questions: %s is a JSON array of their parameters, and its rows begin with the number of
-- the question, from 1. program comes first, as in every transaction that reads them (rebuild.sql).
-- PostgreSQL takes a JSON array for a hundred elements, and would rather read a whole table of some thousands than look so many up:
-- the rows of each question are looked up by LATERAL with a LIMIT, which it cannot turn into a join of tables.

-- name: stats
SELECT
    asked.number,
    program.position,
    program.currency,
    instructor.codes,
    instructor.live_at,
    {earnings}
FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (instructor_id text)) WITH ORDINALITY AS asked (instructor_id, number)
LEFT JOIN read_model.program ON true
LEFT JOIN LATERAL (
    SELECT * FROM read_model.instructor WHERE instructor.instructor_id = asked.instructor_id LIMIT 1
) AS instructor ON true
LEFT JOIN LATERAL (
    SELECT * FROM read_model.instructor_earnings WHERE instructor_earnings.instructor_id = asked.instructor_id LIMIT 1
) AS instructor_earnings ON true;

-- name: referred
-- At least one row for each question, with nulls if there is no referral; with each referral what its explanation depends on.
SELECT
    asked.number,
    program.position,
    program.funds_position,
    program.credentials_rejected_at,
    instructor.stripe_account_id,
    instructor.transfers_active,
    instructor.account_updated_at,
    instructor.account_position,
    payout.status,
    payout.destination,
    payout.transfer_id,
    payout.settled_at,
    payout.state::text,
    {display_name},
    {bank_account},
    {referral}
FROM ROWS FROM (
    jsonb_to_recordset(%s::jsonb) AS (referrer_id text, before bigint, most bigint)
) WITH ORDINALITY AS asked (referrer_id, before, most, number)
LEFT JOIN read_model.program ON true
LEFT JOIN LATERAL (
    SELECT * FROM read_model.instructor WHERE instructor.instructor_id = asked.referrer_id LIMIT 1
) AS instructor ON true
LEFT JOIN LATERAL (
    SELECT *
    FROM read_model.referral
    WHERE referral.referrer_id = asked.referrer_id AND referral.attributed_position < asked.before
    ORDER BY referral.attributed_position DESC
    LIMIT asked.most
) AS referral ON true
LEFT JOIN LATERAL (
    SELECT * FROM read_model.payout WHERE payout.payout_id = referral.payout_id LIMIT 1
) AS payout ON true
LEFT JOIN LATERAL (
    SELECT *
    FROM read_model.bank_account
    WHERE bank_account.stripe_account_id = payout.destination AND payout.status = 'paid'
    LIMIT 1
) AS bank_account ON true
ORDER BY asked.number, referral.attributed_position DESC;

-- name: display_name
-- Part of `referred`, for whoever may read names.
(SELECT person.display_name FROM ledger.person WHERE person.instructor_id = referral.referred_id)
