"""Refusals that only this connector knows; Graph's own codes are read in `connectors._shared.graph`."""

from __future__ import annotations

from accordant.kernel import InvalidInput, Rejected, Retryable, UnknownOutcome
from accordant.platform.http import Response


def no_owner() -> Rejected:
    """Return the refusal of a workspace whose owners have no account in the tenant."""
    return Rejected(
        "None of the workspace's owners has an account in the tenant.",
        code="teams.no_owner",
        remedy="Give the project manager an account, or name another owner.",
        operation="create_workspace",
    )


def not_visible_yet() -> Retryable:
    """Return the wait for a group that exists, as its name is taken, and that no search shows yet."""
    return Retryable(
        "The workspace's group exists and the directory does not show it yet.",
        code="teams.group_not_visible",
        remedy="It goes on by itself once the directory has caught up.",
        operation="create_workspace",
    )


def not_replicated() -> Retryable:
    """Return the wait for a group that Teams does not see yet; the vendor says up to 15 minutes."""
    return Retryable(
        "Teams does not see the new group yet.",
        code="teams.group_not_replicated",
        remedy="It goes on by itself; the vendor gives itself up to 15 minutes.",
        operation="create_workspace",
    )


def bot_arriving() -> Retryable:
    """Return the wait for a bot that was installed just now and cannot speak yet."""
    return Retryable(
        "Our bot was installed in the team and cannot post there yet.",
        code="teams.bot_arriving",
        remedy="It goes on by itself.",
        operation="post_card",
    )


def lost_answer(answer: Response, key: str) -> UnknownOutcome:
    """Return the open outcome of a write that was taken without saying under which id."""
    return UnknownOutcome(
        "The tenant took the write and did not say under which id.",
        code="teams.no_id",
        remedy="It is looked up by its key.",
        lookup_key=key,
        system=answer.system,
        operation=answer.operation,
    )


def still_archiving(key: str) -> UnknownOutcome:
    """Return the open outcome of an archiving that was accepted and is not done."""
    return UnknownOutcome(
        "Teams took the order to archive and has not done it yet.",
        code="teams.archiving",
        remedy="It is looked up again by itself.",
        lookup_key=key,
        operation="archive_workspace",
    )


def wrong_object(given: str, wanted: str) -> InvalidInput:
    """Return the refusal of a reference to something else."""
    return InvalidInput(
        f"{given} is not a {wanted} of the tenant.",
        code="teams.wrong_object",
        remedy=f"Give the external id of the {wanted}.",
    )
