-- The head moves forward only, and only over events that are there, each position once. So neither a mistake in a later version of
-- ledger.append nor a hand on the counter can leave a gap: the transaction that would is refused.
CREATE FUNCTION ledger.refuse_gap() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    added  bigint;
    newest bigint;
BEGIN
    SELECT count(*), max(event.position) INTO added, newest
    FROM ledger.event
    WHERE event.position > OLD.position;

    IF newest IS DISTINCT FROM NEW.position OR added <> NEW.position - OLD.position OR NEW.recorded_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'the head of the log cannot move from % to %: % events were added, the newest at %',
            OLD.position, NEW.position, added, newest
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_gap BEFORE UPDATE ON ledger.log_head FOR EACH ROW EXECUTE FUNCTION ledger.refuse_gap();
ALTER TABLE ledger.log_head ENABLE ALWAYS TRIGGER refuse_gap;
