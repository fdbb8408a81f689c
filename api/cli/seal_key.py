"""`ledger seal-key`: a key to seal the log with."""

from api.cli import screen
from api.cli.errors import UsageProblem
from ledger.proof.notes import NoteError, SigningKey

__all__ = ["run"]


def run(name: str) -> None:
    try:
        key = SigningKey.generate(name)
    except NoteError as error:
        raise UsageProblem(f"--name: {error}") from None
    screen.command_line(f"LEDGER_SEAL_KEY={key.secret()}")
    screen.command_line(f"# public key: {key.public}")
    screen.note(
        "Keep the first line secret. Give the public key to whoever verifies, by another way than the database."
    )
