"""Reconciliation: Stripe's activity held against the log, and against a bank statement. Every line ends in one class.

What is read (`stripe_csv`, `stripe_api`, `bank_csv`, `log_lines`) becomes lines; `compare` is pure and classifies them;
`reconciling` records the run and its exceptions. Nothing here changes a payout: finding is one thing, deciding another.
"""
