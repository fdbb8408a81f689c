-- Erased persons stay erased: a late repetition of their sign-up brings no name back. What is left of the row says only that.
ALTER TABLE ledger.person
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT person_erased_is_empty CHECK (erased_at IS NULL OR (display_name IS NULL AND popup_seen_at IS NULL));

COMMENT ON TABLE ledger.person IS 'The only personal data, beside the log and erasable (ledger forget)';
COMMENT ON COLUMN ledger.person.erased_at IS 'When the person was forgotten; nothing about them is stored after that';

-- Nobody but the owner can undo an erasure by deleting its mark.
REVOKE DELETE ON ledger.person FROM ledger_app;

-- Nor by taking the mark off the row, or by setting another time.
CREATE FUNCTION ledger.refuse_remembering() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.erased_at IS NOT NULL
       AND (NEW.erased_at IS DISTINCT FROM OLD.erased_at OR NEW.instructor_id <> OLD.instructor_id)
    THEN
        RAISE EXCEPTION 'UPDATE on ledger.person is refused: who was forgotten stays forgotten'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_remembering BEFORE UPDATE ON ledger.person
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_remembering();
ALTER TABLE ledger.person ENABLE ALWAYS TRIGGER refuse_remembering;

REVOKE ALL ON FUNCTION ledger.refuse_remembering() FROM PUBLIC;
