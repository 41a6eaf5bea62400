"""What databases, caches and the groups that they are set up by have in common: tags by ARN, names, and waits that take minutes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    is_overdue,
    read_or_none,
    surplus_tags,
    tag_list,
    tags_from,
)
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

AVAILABLE: Final = "available"
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 15.0
POLLS: Final = 240
"""An hour: RDS takes ten minutes for a database, and longer for one with much on it."""
_TRIES: Final = 9
_NAME_PART: Final = 31
"""So much of the stack's name is left in a cache's, which has at most 40 characters."""


class StoreHandler(Handler):
    """A type of RDS or ElastiCache: found by name, and in the tagging API by its ARN.

    Attributes:
        service: The service, as boto3 names its client.
        part: What an ARN has before the name.
        name_member: The member that holds the name.
    """

    service: ClassVar[str]
    part: ClassVar[str]
    name_member: ClassVar[str]

    def every(self, context: HandlerContext) -> Iterable[Json]:
        """List all that there is of the type, whoever it belongs to."""
        raise NotImplementedError

    def named(self, name: str, context: HandlerContext) -> FoundResource | None:
        """Look for a name, also of what is about to go."""
        raise NotImplementedError

    def described(self, one: Json, context: HandlerContext) -> FoundResource:
        """Make what was found of a description."""
        raise NotImplementedError

    def name_of(self, one: Json) -> str:
        """Give the name in a description."""
        return str(one[self.name_member[:1].upper() + self.name_member[1:]])

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List those with our tags.

        Where the stack has none, only the tagging API is asked: nobody has to be allowed to see databases who has no database.
        """
        listed = list(self.every(context)) if context.stores else []
        named = {self.name_of(one): one for one in listed if _is_like(context, self.name_of(one))}
        found = [
            seen
            for one in named.values()
            if (seen := read_or_none(self, partial(self.described, one, context))) is not None
        ]
        for arn in _tagged(context):
            service, part, name = arn.split(":")[2], *arn.split(":")[5:7]
            if (service, part) == (self.service, self.part) and name not in named:
                one = self.named(name, context)
                found += [one] if one else []
        return [one for one in found if context.owner.owns(one.tags or {})]

    def client(self, context: HandlerContext) -> Any:
        """Give the client of the service."""
        return context.account.client(self.service)

    def tags(self, arn: str, context: HandlerContext) -> dict[str, str]:
        """Read the tags of one resource."""
        return tags_from(self.client(context).list_tags_for_resource(ResourceName=arn).get("TagList"))

    def retag(self, found: FoundResource, want: Json, context: HandlerContext) -> None:
        """Bring the tags to what is wanted."""
        client, arn = self.client(context), found.attributes["arn"]
        client.add_tags_to_resource(ResourceName=arn, Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            client.remove_tags_from_resource(ResourceName=arn, TagKeys=surplus)


def _is_like(context: HandlerContext, name: str) -> bool:
    """Whether a name can be one of the stack's: RDS and ElastiCache take small letters, digits and single hyphens."""
    own = re.sub(r"[^a-z0-9]+", "-", context.owner.stack.lower()).strip("-")[:_NAME_PART].rstrip("-")
    return own in name


def _tagged(context: HandlerContext) -> list[str]:
    """Ask the tagging API once for all types."""
    filters = [{"Key": key, "Values": [value]} for key, value in context.owner.tags.items()]

    def read() -> list[str]:
        pages = context.account.pages(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            ResourceTypeFilters=["rds", "elasticache"],
            TagFilters=filters,
        )
        return [str(one["ResourceARN"]) for one in pages]

    found: list[str] = context.account.once(("tagged stores", *context.owner), read)
    return found


class DataStoreHandler(StoreHandler):
    """What keeps data: made in minutes, never replaced, and deleted with a last snapshot only.

    Attributes:
        title: What people call the service.
        lost: States in which it stays until somebody mends it.
        without_snapshot: States in which AWS deletes it without a snapshot only.
        never_made: Those of them in which it never held anything.
        remedies: States that the change of some members ends, with the one that has to be among them first.
        paused: States in which nothing about it can be changed, with the command that ends them.
        deletion: The command that deletes it without a snapshot.
        ready: States in which clients reach it.
        changeable: States in which it can be changed.
        look: The command that shows what happens to it.
    """

    keeps_data = True
    title: ClassVar[str]
    look: ClassVar[str]
    lost: ClassVar[frozenset[str]]
    without_snapshot: ClassVar[frozenset[str]]
    never_made: ClassVar[frozenset[str]]
    remedies: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    paused: ClassVar[Mapping[str, str]] = {}
    deletion: ClassVar[str] = ""
    ready: ClassVar[frozenset[str]]
    changeable: ClassVar[frozenset[str]] = frozenset({AVAILABLE})
    snapshot_taken: ClassVar[str]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name; what is going is not there any more, and what AWS does not tell while it is coming is as wanted."""
        found = self.named(want[self.name_member], context)
        if found is None or self.is_going(found):
            return None
        unknown = {
            member: want[member] for member in want if member not in found.state and self.is_coming(found)
        }
        state = {**unknown, **found.state}
        version = state.get("engineVersion", "")
        if version and _is_version(str(version), want["engineVersion"], self.places(want)):
            state["engineVersion"] = want["engineVersion"]
        return found._replace(state=self.as_wanted(state, want))

    def as_wanted(self, state: Json, want: Json) -> Json:
        """Take what AWS changes by itself for what is wanted."""
        return state

    def places(self, want: Json) -> int:
        """Give how many parts of a version make a major one."""
        raise NotImplementedError

    def is_going(self, found: FoundResource) -> bool:
        """Whether it is being deleted."""
        return bool(found.state["status"] == "deleting")

    def is_coming(self, found: FoundResource) -> bool:
        """Whether it is being made."""
        return bool(found.state["status"] == "creating")

    def shown_status(self, status: str) -> str:
        """Give the state that is compared: what clients do not notice is none."""
        return AVAILABLE if status in self.ready else status

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Wait until it can be changed, change what differs then, and wait until that is done."""
        self._mend(want, changed, context)
        self.settled(found.key, context)
        now = self.finish(want, context)
        if "tags" in changed:
            self.retag(now, want, context)
        differing = frozenset(
            member
            for member in {*want, *now.state} - {"tags", "status"} - self.inputs - self.fixed - self.immutable
            if now.state.get(member) != want.get(member)
        )
        if differing:
            self.change(now, want, differing, context)
        return self.until_as_wanted(want, differing, context)

    def _mend(self, want: Json, changed: frozenset[str], context: HandlerContext) -> None:
        """Change at first, and alone, what ends a state that does not pass by itself, where that is wanted."""
        now = self.finish(want, context)
        status = now.extra["status"]
        first, *others = self.remedies.get(status, ("",))
        if first not in changed:
            return
        members = changed & {first, *others}
        self.change(now, want, members, context)
        self.until_as_wanted(want, members, context, leaving=frozenset({status}))

    def change(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> None:
        """Ask for the members `changed` to be what is wanted."""
        raise NotImplementedError

    def until_as_wanted(
        self,
        want: Json,
        changed: frozenset[str],
        context: HandlerContext,
        *,
        leaving: frozenset[str] = frozenset(),
    ) -> FoundResource:
        """Wait until a change shows: for a moment after it was asked for, all is as before, also a state that it ends."""
        name = want[self.name_member]
        for poll in range(POLLS):
            self.settled(name, context, also=leaving)
            found = self.finish(want, context)
            if found.extra["status"] not in leaving and all(
                found.state.get(member) == want.get(member) for member in changed
            ):
                return found
            self.pause("changing", poll, context)
        raise self.overdue(name, "being changed")

    def settled(
        self, name: str, context: HandlerContext, *, also: frozenset[str] = frozenset()
    ) -> FoundResource:
        """Wait until it can be changed, or is in one of the states `also`.

        Raises:
            AwsError: It cannot be used as it is, or is not ready after an hour.
        """
        status = ""
        for poll in range(POLLS):
            found = self.named(name, context)
            if found is None:
                raise self.not_available(name, "gone")
            status = str(found.extra["status"])
            if status in self.changeable or status in also:
                return found
            if status in self.lost or status in self.paused or status == "deleting":
                raise self.not_available(name, status)
            self.pause(status, poll, context)
        raise self.overdue(name, status)

    def pause(self, status: str, poll: int, context: HandlerContext) -> None:
        """Wait a moment, and say for what; what is soon done is soon seen."""
        context.account.tell(f"for {self.title}: {status}")
        context.account.sleep(min(_FIRST_PAUSE * 1.5 ** min(poll, 9), _LONGEST_PAUSE))

    def until_gone(self, name: str, context: HandlerContext) -> None:
        """Wait until nothing has the name: what it uses is free only then."""
        for poll in range(POLLS):
            found = self.named(name, context)
            if found is None or not self.is_going(found):
                return
            self.pause("deleting", poll, context)
        raise self.overdue(name, "being deleted")

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it with a last snapshot, and wait until it is gone."""
        now = self.named(found.key, context)
        if now is None:
            return
        if not self.is_going(now):
            now = self.settled(found.key, context, also=self.lost)
            promised = found.extra["status"] not in self.without_snapshot
            why, hint = self.deletion_refusal(now)
            if not why and promised and now.extra["status"] in self.without_snapshot - self.never_made:
                why, hint = self._not_as_promised(now)
            if why:
                raise AwsError(_unavailable(f"{now.key}: {why}", hint))
            self.unprotect(now, context)
            self._delete_with_snapshot(now, context)
        self.until_gone(found.key, context)

    def unprotect(self, found: FoundResource, context: HandlerContext) -> None:
        """Let it be deleted."""

    def _delete_with_snapshot(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it; a snapshot's name that is taken gets a number. In some states AWS makes none, and keeps the backups that there are."""
        if found.extra["status"] in self.without_snapshot:
            self.remove(found, "", context)
            return
        name, attempt = _last_snapshot(found), 1
        while not self._removed(found, name if attempt == 1 else f"{name}-{attempt}", attempt, context):
            attempt += 1

    def _removed(self, found: FoundResource, snapshot: str, attempt: int, context: HandlerContext) -> bool:
        """Delete it, unless the snapshot's name is taken."""
        try:
            self.remove(found, snapshot, context)
        except context.account.client_error as error:
            if error_code(error) != self.snapshot_taken or attempt >= _TRIES:
                raise
            return False
        return True

    def remove(self, found: FoundResource, snapshot: str, context: HandlerContext) -> None:
        """Ask for its deletion, with a snapshot of this name; "" for none."""
        raise NotImplementedError

    def deletion_note(self, found: FoundResource) -> str:
        """Say what is left of it."""
        if self.is_going(found) or found.extra["status"] in self.never_made:
            return ""
        if found.extra["status"] in self.without_snapshot:
            return f"no last snapshot is possible; its backups go after {self.backup_days(found)} days"
        return f"leaves the snapshot {_last_snapshot(found)}"

    def backup_days(self, found: FoundResource) -> int:
        """Give how long backups are kept."""
        return 0

    def deletion_refusal(self, found: FoundResource) -> tuple[str, str]:
        """Refuse what AWS refuses while it is paused, and what would leave nothing of the data."""
        status, name = found.extra["status"], shlex.quote(found.key)
        if status in self.paused:
            return f"it is {status}, and {self.title} changes nothing about it", (
                f"start it: {self.paused[status].format(name=name)}; run the command again when it is {AVAILABLE}"
            )
        if status in self.without_snapshot - self.never_made and not self.backup_days(found):
            return f"it is {status}, so that {self.title} takes no last snapshot, and it has no backups", (
                f"save what there is; {self.deletion.format(name=name)} deletes it with its data"
            )
        return "", ""

    def _not_as_promised(self, found: FoundResource) -> tuple[str, str]:
        """Say that the last snapshot of a plan cannot be taken any more."""
        kept = f"{self.deletion.format(name=shlex.quote(found.key))} --no-delete-automated-backups"
        return (
            f"it is {found.extra['status']} since the plan was made, so that {self.title} takes no last snapshot",
            f"run the command again to see what is left; {kept} deletes it and leaves its backups",
        )

    def refusal(self, found: FoundResource, want: Json, changed: frozenset[str]) -> tuple[str, str]:
        """Say why a change is not made, and what to do: it would lose data, or there is no way back from it."""
        lost = sorted(changed & self.immutable)
        if lost:
            why = f"{self.title} cannot change {', '.join(lost)} of an existing one, and a new one would be empty"
            return (
                why,
                "undo the change in the compose file; or give the service another name, bring the data over, and remove this one",
            )
        if "engineVersion" not in changed:
            return "", ""
        before, after = str(found.state.get("engineVersion")), str(want["engineVersion"])
        if _version_parts(after) < _version_parts(before):
            why = f"{self.title} does not go back from version {before} to {after}"
            return (
                why,
                f"managed: {{version: '{before}'}} in the compose file, or bring the data over to another service",
            )
        places = self.places(want)
        if _version_parts(after)[:places] == _version_parts(before)[:places]:
            return "", ""
        return self.refused_upgrade(want, before, after)

    def refused_upgrade(self, want: Json, before: str, after: str) -> tuple[str, str]:
        """Say why a newer major version is not taken."""
        return "", ""

    def not_available(self, name: str, status: str) -> AwsError:
        """Say that it is in a state that does not pass."""
        hint = f"see why: {self.look.format(name=shlex.quote(name))}; mend that, and run the command again"
        if status in self.paused:
            start = self.paused[status].format(name=shlex.quote(name))
            hint = f"start it: {start}; run the command again when it is {AVAILABLE}"
        return AwsError(
            _unavailable(f"{self.title}: {name} is {status}, and does not become {AVAILABLE} by itself", hint)
        )

    def overdue(self, name: str, status: str, waited: str = "an hour") -> AwsError:
        """Say that something took longer than it may."""
        return is_overdue(
            f"{self.title}: {name} is still {status} after {waited}", self.look.format(name=shlex.quote(name))
        )


def _unavailable(message: str, hint: str) -> Diagnostic:
    return Diagnostic("C2F577", Severity.ERROR, message, hint=hint)


def _last_snapshot(found: FoundResource) -> str:
    """Name the last snapshot: after when the store was made, so that the name is the same however often it is tried."""
    made = found.extra.get("made")
    when = made.strftime("%Y%m%d%H%M%S") if isinstance(made, datetime) else "0"
    return f"{found.key}-final-{when}"


def _version_parts(version: str) -> tuple[int, ...]:
    """Give a version so that it can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _is_version(found: str, wanted: str, places: int) -> bool:
    """Whether a version is the one that is wanted, or a minor one after it: AWS upgrades these by itself."""
    one, other = _version_parts(found), _version_parts(wanted)
    return one[:places] == other[:places] and one[: len(other)] >= other[: len(one)]


def parameter_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Give the parameters that are to be set, and those that are to be what they are by default."""
    return (
        {name: value for name, value in after.items() if before.get(name) != value},
        [name for name in before if name not in after],
    )


def sorted_members(want: Json, *members: str) -> Json:
    """Sort lists whose order means nothing."""
    for member in members:
        if isinstance(want.get(member), list):
            want[member] = sorted(want[member], key=str)
    return want
