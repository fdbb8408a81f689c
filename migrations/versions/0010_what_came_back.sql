-- Of what came back of a payout's transfer, what was given up since. And sums by what became of each part of a bonus: paid is what the
-- instructor has, reversed what came back and is owed again. Until now a bonus was counted by its status, hence as a whole.
ALTER TABLE read_model.payout ADD COLUMN given_up_minor bigint NOT NULL DEFAULT 0;

-- Once cancelled, all of it was given up, whether it had been paid before, was found to be paid since, or neither.
UPDATE read_model.payout
SET state = state || jsonb_build_object(
        'given_up_minor', CASE WHEN (state ->> 'cancelled')::boolean THEN amount_minor ELSE 0 END
    ),
    given_up_minor = CASE WHEN (state ->> 'cancelled')::boolean THEN reversed_minor ELSE 0 END;

WITH moved AS (
    SELECT
        referrer_id,
        sum(CASE status WHEN 'paid' THEN reversed_minor ELSE 0 END) AS from_paid_minor,
        sum(CASE status WHEN 'cancelled' THEN 0 ELSE given_up_minor END) AS to_cancelled_minor
    FROM read_model.payout
    WHERE reversed_minor > 0
    GROUP BY referrer_id
)
UPDATE read_model.instructor_earnings AS earnings
SET paid_minor = paid_minor - from_paid_minor,
    cancelled_minor = cancelled_minor + to_cancelled_minor,
    reversed_minor = reversed_minor + from_paid_minor - to_cancelled_minor
FROM moved
WHERE earnings.instructor_id = moved.referrer_id;

UPDATE read_model.program
SET (paid_minor, cancelled_minor, reversed_minor) = (
    SELECT
        coalesce(sum(paid_minor), 0), coalesce(sum(cancelled_minor), 0), coalesce(sum(reversed_minor), 0)
    FROM read_model.instructor_earnings
);
