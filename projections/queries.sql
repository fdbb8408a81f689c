-- What the outside asks of the read models. Every answer names the position it reflects, read in the same snapshot.

-- name: program
SELECT * FROM program;

-- name: instructor
SELECT * FROM instructor WHERE instructor_id = %(instructor_id)s;

-- name: earnings
SELECT * FROM instructor_earnings WHERE instructor_id = %(instructor_id)s;

-- name: referrals_of
SELECT *
FROM referral
WHERE referrer_id = %(referrer_id)s AND attributed_position < %(before)s
ORDER BY attributed_position DESC
LIMIT %(limit)s;

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
