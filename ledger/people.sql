-- Display names and what a person has seen: the only personal data, outside the log, erasable. A row with `erased_at` stays empty.

-- name: remember
-- names: {instructor id: display name, ...}
INSERT INTO ledger.person (instructor_id, display_name)
SELECT instructor_id, display_name
FROM jsonb_each_text(%(names)s) AS given (instructor_id, display_name)
ORDER BY instructor_id
ON CONFLICT (instructor_id) DO UPDATE SET display_name = excluded.display_name
WHERE person.erased_at IS NULL;

-- name: names_of
SELECT instructor_id, display_name
FROM ledger.person
WHERE instructor_id = ANY (%(instructor_ids)s) AND display_name IS NOT NULL;

-- name: mark_popup_seen
INSERT INTO ledger.person (instructor_id, popup_seen_at)
VALUES (%(instructor_id)s, now())
ON CONFLICT (instructor_id) DO UPDATE SET popup_seen_at = coalesce(person.popup_seen_at, excluded.popup_seen_at)
WHERE person.erased_at IS NULL;

-- name: popup_seen
SELECT popup_seen_at IS NOT NULL OR erased_at IS NOT NULL FROM ledger.person WHERE instructor_id = %(instructor_id)s;

-- name: forget
-- The row is there afterwards, whether it was before or not: a sign-up that is still on its way finds it.
INSERT INTO ledger.person (instructor_id, erased_at)
VALUES (%(instructor_id)s, now())
ON CONFLICT (instructor_id) DO UPDATE
SET display_name = NULL, popup_seen_at = NULL, erased_at = coalesce(person.erased_at, excluded.erased_at);
