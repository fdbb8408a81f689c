-- In which mode of Stripe's this ledger's payouts are made: `sandbox`, `test` or `live`. The worker that starts first sets it, for good.
-- A transfer, and the search for it, belong to one mode: paid in another, nobody would have the money and the log would say so.
ALTER TABLE ledger.payout_watch ADD COLUMN stripe_mode text;
