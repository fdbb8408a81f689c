"""Stripe's error answers, in its words, statuses and codes (docs.stripe.com/api/errors, /error-codes).

Refusal                     any answer that is not a 200
├─ invalid(...)             400, a parameter is wrong: nothing was executed, nothing is saved under the key
├─ missing(...)             404 or 400, an id that Stripe does not know
├─ declined(...)            400 after execution began: saved under the key and replayed
└─ unauthorized, no_access, key_in_use, key_misused, rate_limited, lock_timeout, server_error
"""

from dataclasses import dataclass, field

from sandbox.stripe_twin.messages import Json


@dataclass
class Refusal(Exception):
    """Ends the handling of a request with an error answer."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"
    headers: dict[str, str] = field(default_factory=dict)

    def payload(self, request_id: str) -> Json:
        """The body of the answer, in Stripe's shape."""
        error: Json = {}
        if self.code is not None:
            anchor = self.code.replace("_", "-")
            error |= {"code": self.code, "doc_url": f"https://stripe.com/docs/error-codes/{anchor}"}
        error["message"] = self.message
        if self.param is not None:
            error["param"] = self.param
        error |= {"request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}", "type": self.type}
        return {"error": error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """400: the request itself is wrong."""
    return Refusal(400, message, code, param)


def missing(kind: str, identifier: str, *, param: str = "id", status: int = 404) -> Refusal:
    """An id that names nothing: 404 in a path, 400 in a parameter."""
    return Refusal(status, f"No such {kind}: '{identifier}'", "resource_missing", param)


def declined(message: str, code: str, *, param: str | None = None) -> Refusal:
    """400: understood, begun, and refused."""
    return Refusal(400, message, code, param, headers={"Stripe-Should-Retry": "false"})


def unknown_url(method: str, path: str) -> Refusal:
    """404: no such endpoint."""
    return Refusal(404, f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.")


def unauthorized(given_key: str | None) -> Refusal:
    """401: no API key, or a wrong one (shown as Stripe does, with its middle hidden)."""
    if not given_key:
        message = "You did not provide an API key. You need to provide your API key in the Authorization header."
        return Refusal(401, message)
    hidden = given_key[:8] + "*" * max(len(given_key) - 12, 4) + given_key[-4:] if len(given_key) > 16 else "****"
    return Refusal(401, f"Invalid API Key provided: {hidden}")


def no_access(account: str) -> Refusal:
    """403: an account that does not exist, or is not ours; Stripe does not say which."""
    message = (
        f"The provided key does not have access to account '{account}' (or that account does not exist). "
        "Application access may have been revoked."
    )
    return Refusal(403, message, "account_invalid")


def key_in_use(key: str) -> Refusal:
    """409: the first request with this key has not ended yet."""
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later."
    )
    headers = {"Stripe-Should-Retry": "true"}
    return Refusal(409, message, "idempotency_key_in_use", type="api_error", headers=headers)


def key_misused(key: str, first_path: str, path: str) -> Refusal:
    """400: this key was first used for something else."""
    what = (
        "with the same parameters they were first used with"
        if first_path == path
        else f"for the same endpoint they were first used for ('{first_path}')"
    )
    message = (
        f"Keys for idempotent requests can only be used {what}. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return Refusal(400, message, type="idempotency_error")


def rate_limited(reason: str) -> Refusal:
    """429 with one of Stripe's five reasons, e.g. `endpoint-rate`."""
    message = (
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
        if reason.endswith("rate")
        else "Too many requests at the same time. Learn more at https://stripe.com/docs/rate-limits."
    )
    return Refusal(429, message, "rate_limit", headers={"Stripe-Rate-Limited-Reason": reason})


def lock_timeout() -> Refusal:
    """429 without a reason: somebody else was working on the same object."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request."
    )
    return Refusal(429, message, "lock_timeout", headers={"Stripe-Should-Retry": "true"})


def server_error() -> Refusal:
    """500: executed or not, nobody can tell from it."""
    message = "An unknown error occurred on Stripe's side."
    return Refusal(500, message, type="api_error")
