"""Templates into pages: escaped always, written for the reader, and under a policy that lets nothing else run."""

from datetime import datetime
from pathlib import Path
from typing import cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.http.parts import parts
from api.pages.embedding import EMBEDDED, frame_ancestors, is_embedded
from api.pages.reader import Reader
from api.pages.session import may_look_around

TEMPLATES = Path(__file__).with_name("templates")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors "
)


def page(request: Request, template: str, *, status: int = 200, **shown: object) -> HTMLResponse:
    """The template with what it shows. Every template knows the `reader`, the `path` it is at, the way `home`, and whether
    money is real.
    """
    html = _templates.get_template(template).render(
        reader=Reader.of(request),
        path=request.url.path,
        home=EMBEDDED if is_embedded(request) else "/",
        may_look_around=may_look_around(request),
        is_sandbox=parts(request).services.settings.stripe_api_key is None,
        **shown,
    )
    # same-origin, or browsers would name no origin in the forms' POSTs
    headers = {"Content-Security-Policy": PAGE_POLICY + frame_ancestors(request), "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers)


@pass_context
def _money(context: Context, amount_minor: int, currency: str) -> str:
    return _reader(context).money(amount_minor, currency)


@pass_context
def _number(context: Context, value: int) -> str:
    return _reader(context).number(value)


@pass_context
def _percent(context: Context, share: float) -> str:
    return _reader(context).percent(share)


@pass_context
def _day(context: Context, moment: datetime) -> Markup:
    return _time(moment, _reader(context).day(moment))


@pass_context
def _moment(context: Context, moment: datetime) -> Markup:
    return _time(moment, _reader(context).moment(moment))


def _time(moment: datetime, words: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), words)


def _words(code: str) -> str:
    """`transfer_in_flight` → `transfer in flight`."""
    return code.replace("_", " ")


def _reader(context: Context) -> Reader:
    return cast(Reader, context["reader"])


_templates = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters |= {
    "money": _money,
    "number": _number,
    "percent": _percent,
    "day": _day,
    "moment": _moment,
    "words": _words,
}
