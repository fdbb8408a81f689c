"""What keeps the sealer from sealing:

SealingError                    the base
├── SealingElsewhereError       another sealer is at work; it will be done soon
├── SealRoleMissingError        the login may not write seals; an administrator has to give it the right
├── SealStoreUnavailableError   the seal store does not answer, or refuses us; trying again later is safe
├── SealStoreConflictError      the seal store holds something else under a name; it is never overwritten
└── SealingStoppedError         the log, or what is outside, does not fit what was sealed: somebody has to look
"""

__all__ = [
    "SealRoleMissingError",
    "SealStoreConflictError",
    "SealStoreUnavailableError",
    "SealingElsewhereError",
    "SealingError",
    "SealingStoppedError",
]


class SealingError(Exception):
    """The message says what to do."""


class SealingElsewhereError(SealingError):
    """Nothing is wrong."""

    def __init__(self) -> None:
        super().__init__("another sealer is at work just now: try again in a moment")


class SealRoleMissingError(SealingError):
    """Trying again changes nothing."""

    def __init__(self, role: str, login: str) -> None:
        super().__init__(
            f"the login {login} may not write seals in this database: give the sealer a login that may, as an administrator with "
            f"CREATE ROLE ledger_sealer LOGIN PASSWORD '...' IN ROLE {role}; and name it in SEAL_DATABASE_URL for `ledger project`"
        )
        self.login = login


class SealStoreUnavailableError(SealingError):
    """Nothing was decided by this."""

    def __init__(self, address: str, cause: Exception) -> None:
        said = str(cause).split("\n", 1)[0]  # the library adds its insides below
        super().__init__(f"the seal store {address} does not do its part: {said}")


class SealStoreConflictError(SealingError):
    """Two different things claim one name."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(f"the seal store {address} holds another {name} than the one to be written, and keeps it")
        self.name = name


class SealingStoppedError(SealingError):
    """Going on would sign a history that is not the one signed before."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; nothing more is sealed until somebody has looked: run `ledger verify`")
