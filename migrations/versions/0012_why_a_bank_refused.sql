-- Why a bank refused a payment is told to instructors in words of ours, by its code. Stripe's text stays on the log, for finance.
ALTER TABLE read_model.bank_account ADD COLUMN failure_code text;

UPDATE read_model.bank_account AS known
SET failure_code = (
    SELECT event.data ->> 'failure_code'
    FROM ledger.event_tag AS tagged
    JOIN ledger.event USING (position)
    WHERE tagged.tag = 'account:' || known.stripe_account_id
        AND tagged.type = 'BankPayoutReported'
        AND event.occurred_at = known.reported_at
    ORDER BY position DESC
    LIMIT 1
)
WHERE status = 'failed';

ALTER TABLE read_model.bank_account DROP COLUMN failure_message;
