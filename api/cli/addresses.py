"""What to open and what to type, once the ledger is up."""

import shlex
from datetime import timedelta

from rich.panel import Panel
from rich.text import Text

from api.cli.screen import SANDBOX, command_line, out
from api.cli.together import Running
from api.tokens import issue_token

__all__ = ["show"]

TOKEN_LIFETIME = timedelta(hours=12)

PAGES = {
    "/": "the pages: look around as an instructor, as finance, as an auditor",
    "/openapi.json": "every route, its parameters and its answers",
    "/health/ready": "whether it can do its work",
    "/metrics": "for Prometheus",
    "/api/v1/instructor-referrals/founding-status": "the founding spots, public",
}

EXAMPLE_FACT = (
    '{"specversion":"1.0","id":"try-1","source":"/try","type":"instructor.referral_code_issued","subject":"ins_try",'
    '"time":"2026-01-01T00:00:00Z","data":{"code":"TRY1"}}'
)


def show(running: Running, database_url: str, instructor_id: str) -> None:
    """Addresses in a panel; commands below it, whole, to be copied."""
    where = Text()
    for path, meaning in PAGES.items():
        where.append(f"{running.api_url}{path}\n", style="bold")
        where.append(f"    {meaning}\n", style="dim")
    if running.stripe is not None:
        where.append(f"\n{SANDBOX}", style="yellow")
    else:
        where.append("\nSTRIPE_API_KEY is set: real transfers are made.", style="bold red")
    out.print(Panel(where, title="The ledger is up", title_align="left"))
    out.print("Ready to be copied; the tokens are good for 12 hours.\n")
    for said, command in _commands(running, instructor_id):
        out.print(Text(f"# {said}", style="dim"))
        command_line(command)
    if running.settings.database_url is None:
        out.print(Text("\n# the same ledger for psql and for other commands, while this runs", style="dim"))
        stripe = f" STRIPE_API_BASE={running.stripe.url}" if running.stripe is not None else ""
        command_line(f"export DATABASE_URL={shlex.quote(database_url)}{stripe}")
    out.print("\nCtrl-C stops everything.")


def _commands(running: Running, instructor_id: str) -> list[tuple[str, str]]:
    def get(path: str, role: str, subject: str) -> str:
        return f"curl -s {_bearer(running, role, subject)} {shlex.quote(running.api_url + '/api/v1' + path)}"

    platform = _bearer(running, "platform", "platform")
    content = "-H 'Content-Type: application/cloudevents+json'"
    send = f"curl -s {platform} {content} -d {shlex.quote(EXAMPLE_FACT)} {running.api_url}/api/v1/lifecycle-events"
    return [
        (
            f"instructor {instructor_id}: where is my money",
            get("/instructor-referrals/stats", "instructor", instructor_id),
        ),
        ("why not yet, what happens next", get("/instructor-referrals/referred", "instructor", instructor_id)),
        ("finance: the totals", get("/finance/totals", "finance", "finance")),
        ("every payout", get("/payouts?limit=20", "finance", "finance")),
        ("the trial balance", get("/finance/trial-balance", "finance", "finance")),
        ("how a total is made up", get("/audit/explain/paid_minor", "finance", "finance")),
        ("everybody: the founding spots", f"curl -s {running.api_url}/api/v1/instructor-referrals/founding-status"),
        ("auditor: the log itself", get("/audit/events?limit=20", "auditor", "auditor")),
        ("the proof that an event is on it", get("/audit/proof/1", "auditor", "auditor")),
        ("platform: send a fact", send),
    ]


def _bearer(running: Running, role: str, subject: str) -> str:
    token = issue_token(running.settings, subject, [role], TOKEN_LIFETIME)
    return f"-H 'Authorization: Bearer {token}'"
