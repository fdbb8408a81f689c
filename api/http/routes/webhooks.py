"""What Stripe sends us, signed."""

from datetime import UTC, datetime

import stripe
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.http.bodies import decode_json, read_body
from api.http.openapi import STORED, problems
from api.http.parts import PartsOfApp
from api.http.problems import Kind, ProblemError
from api.http.routes import PREFIX
from ledger.payouts.notices import Notices

MOST_BYTES = 1024 * 1024
TOLERANCE_SECONDS = 300

router = APIRouter(prefix=f"{PREFIX}/webhooks", tags=["webhooks"])


class Heard(BaseModel):
    """The event was taken in, or does not concern us."""

    received: bool = True


@router.post(
    "/stripe",
    summary="Webhook endpoint for Stripe's events",
    description="""Register it at Stripe twice: of your account for `transfer.*` and `balance.available`, of connected accounts for
`account.updated`, `capability.updated`, `payout.paid` and `payout.failed`. Each has a signing secret of its own.
Verified by its header `Stripe-Signature`. Events that do not concern us are taken and let pass, and so are those of test mode
where the API key is a live one: Stripe sends those of connected accounts to live endpoints as well.""",
    openapi_extra={
        "parameters": [{"name": "Stripe-Signature", "in": "header", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    },
    responses=problems(
        Kind.BAD_SIGNATURE,
        Kind.MALFORMED_JSON,
        Kind.BODY_TIMEOUT,
        Kind.TOO_LARGE,
        Kind.WEBHOOKS_NOT_CONFIGURED,
        *STORED,
    ),
)
async def hear_stripe(request: Request, parts: PartsOfApp) -> Heard:
    services = parts.services
    secrets = services.settings.stripe_webhook_secrets
    if not secrets:
        raise ProblemError(Kind.WEBHOOKS_NOT_CONFIGURED, "Set STRIPE_WEBHOOK_SECRET. Stripe will send this again.")
    body = await read_body(request, MOST_BYTES)
    signature = request.headers.get("stripe-signature", "")
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise ProblemError(Kind.BAD_SIGNATURE, f"Signed by none of our secrets, or over {TOLERANCE_SECONDS} s ago.")
    notice = decode_json(body)
    of_test_mode = isinstance(notice, dict) and notice.get("livemode") is False
    if isinstance(notice, dict) and not (of_test_mode and services.settings.stripe_mode == "live"):
        notices = Notices(services.log, lambda: datetime.now(UTC))
        await run_in_threadpool(notices.hear, notice)
    return Heard()


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS))
    except (stripe.SignatureVerificationError, ValueError, TypeError):  # the latter for what is no text, or not ASCII
        return False
