"""The story behind anything that has an id, and how each total is made up."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.http.access import AUDIT
from api.http.caught_up import CaughtUpReadModels
from api.http.openapi import AUTHORIZED, reads
from api.http.parts import PartsOfApp
from api.http.positions import HEADER, reflects
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from projections.story_views import Story

router = APIRouter(prefix=f"{PREFIX}/audit", tags=["audit"], dependencies=[AUDIT])

Id = Annotated[
    str,
    Path(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="A referral, payout, transfer or instructor; a position or an event's id; or a total, like `earned_minor`",
        openapi_examples={
            "a payout": {"value": "pay_kypc4w6m63lcs4hbxxka"},
            "a transfer of Stripe's": {"value": "tr_1PqXyz"},
            "a position of the log": {"value": "3488"},
            "a total": {"value": "earned_minor"},
        },
    ),
]


@router.get(
    "/explain/{id}",
    summary="What happened, when, by whom, because of what, and why this amount",
    responses=reads(*AUTHORIZED, Kind.NOT_FOUND),
)
def explain(response: Response, parts: PartsOfApp, read_models: CaughtUpReadModels, id: Id) -> Story:  # noqa: A002 - theirs
    """Everything in the order of the log. Of a total: how many bonuses of which status, tier and amount it is the sum of."""
    story = parts.services.stories.explain(id)
    if story is None:
        position = read_models.position()
        raise ProblemError(Kind.NOT_FOUND, "Nothing is known by this id.", headers={HEADER: str(position)})
    reflects(response, story.position)
    return story
