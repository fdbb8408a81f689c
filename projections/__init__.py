"""Read models: what the log comes to, kept up to date by a follower and ready to be queried.

`fold` is pure and says what each event changes; `projector` follows the log in batches; `queries` is what the outside
reads. Nothing here decides anything, and all of it can be rebuilt from the log (`rebuild`).
"""
