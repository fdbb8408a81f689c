-- The first position after "after" that carries every one of the tags and one of the types (no types: any), or NULL.
--
-- Each tag, and the types together, is a list of positions in an index. The search leaps from list to list, always to the farthest
-- of their next entries, until all agree. So it costs as many probes as the rarest list has entries, however long the others are:
-- a rare event is found fast behind a tag that every event carries.
CREATE FUNCTION ledger.next_match(types text[], tags text[], after bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    lowest    bigint := after + 1; -- no position before this one matches
    nearest  bigint;
    farthest bigint;
    ended    boolean;
BEGIN
    LOOP
        SELECT min(list.next), max(list.next), bool_or(list.next IS NULL)
        INTO nearest, farthest, ended
        FROM (
            SELECT (
                SELECT event_tag.position
                FROM ledger.event_tag
                WHERE event_tag.tag = wanted.tag AND event_tag.position >= lowest
                ORDER BY event_tag.position
                LIMIT 1
            ) AS next
            FROM unnest(tags) AS wanted (tag)
            UNION ALL
            SELECT min(first_of_type.position)
            FROM unnest(types) AS wanted (type)
            LEFT JOIN LATERAL (
                SELECT event.position
                FROM ledger.event
                WHERE event.type = wanted.type AND event.position >= lowest
                ORDER BY event.position
                LIMIT 1
            ) AS first_of_type ON true
            HAVING cardinality(types) > 0
        ) AS list;

        IF ended OR farthest IS NULL THEN
            RETURN NULL;
        ELSIF nearest = farthest THEN
            RETURN nearest;
        END IF;
        lowest := farthest;
    END LOOP;
END
$$;
