"""The core: events, the rules that decide them, the store they are kept in, and the payout process that acts on them.

Rules (`referrals/`, `program.py`, `payouts/payout_fold.py`, `payouts/next_step.py`) are pure. What touches the outside world
lives in `store/`, `payouts/worker.py` and `payouts/stripe_gateway.py`. Nothing here knows of HTTP, pages or read models.
"""
