"""What people have done about a payout, and what they have to know for it, as the views show it."""

from collections.abc import Mapping
from typing import Any

from ledger.payouts.payout import Payout
from projections.views import ApprovalView, HoldView, OpenApprovalView

__all__ = ["approval_view", "hold_view", "last_error", "open_approval_view"]


def last_error(payout: Payout) -> str | None:
    """The newest decline of what is still wanted: of the transfer until it is settled, of its reversal afterwards."""
    if payout.reversal_failure is not None:
        declined = payout.reversal_failure
        return f"reversal declined: {declined.stripe_code or declined.http_status}: {declined.message}"
    if payout.failure is None or payout.is_final:
        return None
    failure = payout.failure.event
    return f"{failure.stripe_code or failure.http_status}: {failure.message}"


def hold_view(payout: Payout) -> HoldView | None:
    hold = payout.hold
    if hold is None:
        return None
    return HoldView(reason=hold.reason, note=hold.note, held_by=hold.held_by, held_at=hold.held_at)


def approval_view(payout: Payout) -> ApprovalView | None:
    approval = payout.approval
    if approval is None:
        return None
    return ApprovalView(
        number=approval.number,
        action=approval.action,
        reason=approval.note,
        requested_by=approval.requested_by,
        requested_at=approval.requested_at,
        granted=approval.granted,
    )


def open_approval_view(row: Mapping[str, Any]) -> OpenApprovalView:
    """`row`: of a payout whose `open_approval` is not null, which is to say that its state has one."""
    approval = approval_view(Payout.model_validate(row["state"]))
    about = {name: row[name] for name in OpenApprovalView.model_fields if name in row}
    return OpenApprovalView.model_validate({**about, **dict(approval or ())})
