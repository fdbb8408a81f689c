"""Stripe's gateway in the hands of a process that dies, or that must not call at all."""

from ledger.events import ReversalRequested, TransferRequested
from ledger.payouts.outcome import Answer, NoAnswer
from ledger.payouts.stripe_gateway import StripeGateway


class Died(BaseException):
    """The process is gone, as after kill -9."""


class DiesBeforeTheCall(StripeGateway):
    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        raise Died


class DiesAfterTheCall(StripeGateway):
    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        await super().create_transfer(request)
        raise Died


class DiesReadingTheTransfer(StripeGateway):
    async def read_transfer(self, transfer_id: str) -> Answer | NoAnswer:
        raise Died


class DiesBeforeReversing(StripeGateway):
    async def create_reversal(self, request: ReversalRequested) -> Answer | NoAnswer:
        raise Died


class NeverCalled(StripeGateway):
    async def create_transfer(self, request: TransferRequested) -> Answer | NoAnswer:
        raise AssertionError(f"{request.idempotency_key} must not be sent")
