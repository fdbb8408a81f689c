"""The log in words: what each event says, what caused it, why this amount, which request to Stripe it led to.

Pure, and about what is on the log only: opaque ids, never a person's name.
"""
