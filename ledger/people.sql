-- Display names and what a person has seen: the only personal data, outside the log, erasable.

-- name: remember
INSERT INTO ledger.person (instructor_id, display_name)
SELECT instructor_id, display_name
FROM unnest(%(instructor_ids)s::text[], %(display_names)s::text[]) AS given (instructor_id, display_name)
ORDER BY instructor_id
ON CONFLICT (instructor_id) DO UPDATE SET display_name = excluded.display_name;

-- name: names_of
SELECT instructor_id, display_name
FROM ledger.person
WHERE instructor_id = ANY (%(instructor_ids)s) AND display_name IS NOT NULL;

-- name: mark_popup_seen
INSERT INTO ledger.person (instructor_id, popup_seen_at)
VALUES (%(instructor_id)s, now())
ON CONFLICT (instructor_id) DO UPDATE SET popup_seen_at = coalesce(person.popup_seen_at, excluded.popup_seen_at);

-- name: popup_seen
SELECT popup_seen_at IS NOT NULL FROM ledger.person WHERE instructor_id = %(instructor_id)s;

-- name: forget
DELETE FROM ledger.person WHERE instructor_id = %(instructor_id)s;
