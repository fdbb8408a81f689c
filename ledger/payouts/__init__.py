"""The payout process: from a bonus earned to money moved once (DESIGN section 5, decision table in docs/decision-table.md).

Pure: `payout` (state), `next_step` (what to do now), `outcome` (what an answer means), `schedule` (when again).
They are carried out by `worker`, which is woken by the `todo` list and calls Stripe through `stripe_gateway`.
"""
