"""Proof that the log is what it was: every event a leaf of a Merkle tree, its root signed and kept outside the database.

`canonical` says what the bytes of an event are, `merkle` and `notes` are the public formats (RFC 9162, C2SP), `sealer` seals,
`verification` looks for whatever was changed. Nothing here changes the log, and no writer ever waits for it.
`verify_export` stands alone, to be copied out and read by whoever does not trust the rest.
"""
