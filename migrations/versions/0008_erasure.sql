-- Erased persons stay erased: a late repetition of their sign-up brings no name back. What is left of the row says only that.
ALTER TABLE ledger.person
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT person_erased_is_empty CHECK (erased_at IS NULL OR (display_name IS NULL AND popup_seen_at IS NULL));

COMMENT ON TABLE ledger.person IS 'The only personal data, beside the log and erasable (ledger forget)';
COMMENT ON COLUMN ledger.person.erased_at IS 'When the person was forgotten; nothing about them is stored after that';

-- Nobody but the owner can undo an erasure by deleting its mark.
REVOKE DELETE ON ledger.person FROM ledger_app;
