"""Pages for finance and auditors: who looks, and whether they may act."""

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.pages.rendering import page
from api.tokens import Principal

__all__ = ["PRINTABLE", "staff_page"]

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""What may be asked for: PostgreSQL takes no NUL in a text."""


def staff_page(
    request: Request, template: str, viewer: Principal, *, status: int = 200, **shown: object
) -> HTMLResponse:
    """Every template of these rooms knows the `viewer`, and whether they `may_act`: auditors see no forms that would."""
    may_act = viewer.may_act_as(("finance",))
    return page(request, f"finance/{template}", status=status, viewer=viewer, may_act=may_act, **shown)
