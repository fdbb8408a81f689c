"""The payout process: from a bonus earned to money moved once (DESIGN section 5, decision table in docs/decision-table.md).

Pure           the state: payout, payout_fold · what to do: next_step, steps, policy, schedule, intents; told to people: explain
               what people want: actions · what Stripe's answer means: outcome, outcome_events, listed
The log        read: situation, deciding, async_log · written: recording; for people: review; for Stripe's webhooks: notices
Calls Stripe   stripe_gateway on stripe_transport, in turn by calls, pace, breaker · search, reversals, credentials, permissions
Schedules      todo says which are due, worker takes them, process carries one out, watch looks for what was missed
"""
