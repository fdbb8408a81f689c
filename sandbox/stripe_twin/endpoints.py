"""The API's endpoints: what each accepts, what of its answer can be expanded, and which function carries it out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.stripe_twin import accounts, books, events, reversals, transfers
from sandbox.stripe_twin.expansion import EXPANDABLE, check, expand
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.paging import CREATED, PAGING
from sandbox.stripe_twin.parameters import Field, boolean, checked, currency, integer, metadata, string, strings
from sandbox.stripe_twin.refusals import invalid, unknown_url
from sandbox.stripe_twin.settings import PLATFORM
from sandbox.stripe_twin.world import Cause, World

_LARGEST_AMOUNT = 99_999_999_99

_EXPAND = {"expand": Field(strings)}
_CREATE_TRANSFER = {
    "amount": Field(integer(1, _LARGEST_AMOUNT), required=True),
    "currency": Field(currency, required=True),
    "destination": Field(string(), required=True),
    "description": Field(string()),
    "metadata": Field(metadata),
    "source_transaction": Field(string()),
    "source_type": Field(string(choices=("bank_account", "card", "fpx"))),
    "transfer_group": Field(string()),
    **_EXPAND,
}
_UPDATE_TRANSFER = {"description": Field(string(may_be_empty=True)), "metadata": Field(metadata), **_EXPAND}
_REVERSE = {
    "amount": Field(integer(1, _LARGEST_AMOUNT)),
    "description": Field(string(may_be_empty=True)),
    "metadata": Field(metadata),
    "refund_application_fee": Field(boolean),
    **_EXPAND,
}
_LIST_TRANSFERS = {**PAGING, **CREATED, "destination": Field(string()), "transfer_group": Field(string())}
_LIST_TRANSACTIONS = {
    **PAGING,
    **CREATED,
    "currency": Field(currency),
    "payout": Field(string()),
    "source": Field(string()),
    "type": Field(string()),
}
_LIST_EVENTS = {
    **PAGING,
    **CREATED,
    "delivery_success": Field(boolean),
    "type": Field(string()),
    "types": Field(strings),
}


@dataclass(frozen=True)
class Call:
    """A request whose endpoint and parameters are known. `owner` is whose data it is about."""

    ids: tuple[str, ...]
    parameters: Json
    cause: Cause
    owner: str


@dataclass(frozen=True)
class Endpoint:
    """One method and path template, with `{}` for each id."""

    method: str
    path: str
    handler: Callable[[World, Call], Json]
    fields: Mapping[str, Field] = field(default_factory=lambda: _EXPAND)
    expandable: str = ""
    is_list: bool = False
    for_connected_accounts: bool = False

    @property
    def name(self) -> str:
        """What limits are counted by."""
        return f"{self.method} {self.path}"

    def parse(self, given: Json) -> Json:
        """The checked parameters; raises `Refusal`."""
        parameters = checked(given, self.fields)
        check(parameters.get("expand", ()), EXPANDABLE.get(self.expandable, {}), in_list=self.is_list)
        return parameters

    def execute(self, world: World, call: Call) -> Json:
        """Carry the call out; raises `Refusal` when it is declined."""
        return expand(world, self.handler(world, call), call.parameters.get("expand", ()))


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/transfers",
        lambda world, call: transfers.create(world, call.cause, call.parameters),
        _CREATE_TRANSFER,
        "transfer",
    ),
    Endpoint(
        "GET",
        "/v1/transfers",
        lambda world, call: transfers.listing(world, call.parameters),
        _LIST_TRANSFERS,
        "transfer",
        is_list=True,
    ),
    Endpoint(
        "GET", "/v1/transfers/{}", lambda world, call: transfers.retrieve(world, call.ids[0]), expandable="transfer"
    ),
    Endpoint(
        "POST",
        "/v1/transfers/{}",
        lambda world, call: transfers.update(world, call.cause, call.ids[0], call.parameters),
        _UPDATE_TRANSFER,
        "transfer",
    ),
    Endpoint(
        "POST",
        "/v1/transfers/{}/reversals",
        lambda world, call: reversals.create(world, call.cause, call.ids[0], call.parameters),
        _REVERSE,
        "transfer_reversal",
    ),
    Endpoint(
        "GET",
        "/v1/transfers/{}/reversals",
        lambda world, call: reversals.listing(world, call.ids[0], call.parameters),
        PAGING,
        "transfer_reversal",
        is_list=True,
    ),
    Endpoint(
        "GET",
        "/v1/transfers/{}/reversals/{}",
        lambda world, call: reversals.retrieve(world, call.ids[0], call.ids[1]),
        expandable="transfer_reversal",
    ),
    Endpoint(
        "POST",
        "/v1/transfers/{}/reversals/{}",
        lambda world, call: reversals.update(world, call.ids[0], call.ids[1], call.parameters),
        {"metadata": Field(metadata), **_EXPAND},
        "transfer_reversal",
    ),
    Endpoint("GET", "/v1/accounts/{}", lambda world, call: accounts.retrieve(world, call.ids[0])),
    Endpoint("GET", "/v1/balance", lambda world, call: books.balance(world, call.owner), for_connected_accounts=True),
    Endpoint(
        "GET",
        "/v1/balance_transactions",
        lambda world, call: books.list_transactions(world, call.parameters, call.owner),
        _LIST_TRANSACTIONS,
        "balance_transaction",
        is_list=True,
        for_connected_accounts=True,
    ),
    Endpoint(
        "GET",
        "/v1/balance_transactions/{}",
        lambda world, call: books.retrieve_transaction(world, call.ids[0]),
        expandable="balance_transaction",
    ),
    Endpoint(
        "GET", "/v1/events", lambda world, call: events.listing(world, call.parameters), _LIST_EVENTS, is_list=True
    ),
    Endpoint("GET", "/v1/events/{}", lambda world, call: events.retrieve(world, call.ids[0])),
)

_ROUTES = [(re.compile(endpoint.path.replace("{}", "([^/]+)")), endpoint) for endpoint in ENDPOINTS]


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint of a request and the ids in its path; raises `Refusal` (404) when there is none."""
    for pattern, endpoint in _ROUTES:
        found = pattern.fullmatch(path) if endpoint.method == method else None
        if found:
            return endpoint, found.groups()
    raise unknown_url(method, path)


def owner_of(endpoint: Endpoint, stripe_account: str | None) -> str:
    """Whose data a request is about: the platform's, or with a `Stripe-Account` header a connected account's."""
    if stripe_account is None:
        return PLATFORM
    if not endpoint.for_connected_accounts:
        raise invalid("The Stripe twin serves only balances on behalf of connected accounts.", param="Stripe-Account")
    return stripe_account
