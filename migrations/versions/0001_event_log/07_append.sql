-- Records a group of appends in one transaction: each with its own condition and its own verdict.
--
-- batch is a JSON array with an object for each append:
--   events      [{event_id, type, schema_version, tags, data, occurred_at, actor, causation_id, correlation_id}, ...]
--               in the order in which they are to be recorded; occurred_at null means the time of recording
--   conditions  [{after, types, tags}, ...]
--               the append is refused if an event after position "after" has one of the types (none given: any) and all of the tags;
--               with several conditions, if one of them says so
-- An append with conditions and no events only asks whether it would be refused.
--
-- Returns the head of the log before and after, and the places (from 1) of the appends refused. The events of the others follow the
-- head in the order given.
--
-- Conditions see the log as it was before the group: the caller keeps appends apart whose conditions match events of earlier ones of
-- the same group. Nothing here may scan: the plans are fixed, and made for a log that has grown.
CREATE FUNCTION ledger.append(batch jsonb, OUT head bigint, OUT new_head bigint, OUT refused bigint[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    near   CONSTANT bigint := 1000; -- so many positions back, one range of the index is read faster than leapt through
    now_at timestamptz;
BEGIN
    SELECT log_head.position, greatest(clock_timestamp(), log_head.recorded_at)
    INTO STRICT head, now_at
    FROM ledger.log_head
    FOR UPDATE;

    SELECT coalesce(array_agg(DISTINCT append.place), '{}')
    INTO refused
    FROM jsonb_array_elements(batch) WITH ORDINALITY AS append (body, place)
    CROSS JOIN LATERAL jsonb_to_recordset(append.body -> 'conditions') AS condition (after bigint, types text[], tags text[])
    WHERE CASE
        WHEN condition.after >= head THEN false
        WHEN condition.tags = '{}' AND condition.types = '{}' THEN true
        WHEN cardinality(condition.tags) = 1 AND (condition.types = '{}' OR head - condition.after <= near) THEN EXISTS (
            SELECT
            FROM ledger.event_tag
            WHERE event_tag.tag = condition.tags[1]
              AND event_tag.position > condition.after
              AND (condition.types = '{}' OR event_tag.type = ANY (condition.types))
        )
        ELSE ledger.next_match(condition.types, condition.tags, condition.after) IS NOT NULL
    END;

    WITH accepted AS MATERIALIZED (
        SELECT head + row_number() OVER (ORDER BY append.place, event.place) AS position, event.*
        FROM jsonb_array_elements(batch) WITH ORDINALITY AS append (body, place)
        CROSS JOIN LATERAL ROWS FROM (
            jsonb_to_recordset(append.body -> 'events') AS (
                event_id uuid, type text, schema_version integer, tags text[], data jsonb,
                occurred_at timestamptz, actor text, causation_id text, correlation_id text
            )
        ) WITH ORDINALITY AS event (
            event_id, type, schema_version, tags, data, occurred_at, actor, causation_id, correlation_id, place
        )
        WHERE append.place <> ALL (refused)
    ),
    tagged AS (
        INSERT INTO ledger.event_tag (tag, position, type)
        SELECT carried.tag, accepted.position, accepted.type
        FROM accepted
        CROSS JOIN LATERAL unnest(accepted.tags) WITH ORDINALITY AS carried (tag, place)
        WHERE carried.place = array_position(accepted.tags, carried.tag) -- a tag given twice counts once
    ),
    recorded AS (
        INSERT INTO ledger.event (
            position, event_id, type, schema_version, tags, data, occurred_at, recorded_at, actor, causation_id, correlation_id
        )
        SELECT position, event_id, type, schema_version, tags, data, coalesce(occurred_at, now_at), now_at, actor, causation_id,
               correlation_id
        FROM accepted
    )
    SELECT coalesce(max(accepted.position), head) INTO new_head FROM accepted;

    IF new_head > head THEN
        UPDATE ledger.log_head SET position = new_head, recorded_at = now_at;
    END IF;
END
$$;
