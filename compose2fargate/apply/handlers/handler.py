"""What all handlers share: the values they exchange, ownership tags, and the one normaliser.

A handler knows one resource type: what is wanted (`want`), how to find what is there (`find`, `owned`), and how to
create, update and delete it. Both sides are plain JSON under the API's names, normalised alike, so that they can be
compared member by member; what is equal in AWS is equal here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, ClassVar

from compose2fargate.apply.aws_client.account import AwsAccount, error_code
from compose2fargate.aws.api_values import Ref, to_api
from compose2fargate.aws.ownership import ATTEMPTS_TAG, ENVIRONMENT_TAG, PROJECT_TAG, RAN_TAG, ownership_tags
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.records import NamedTuple

Json = dict[str, Any]

_LAGGING_READS = 10
BOOKKEEPING_TAGS = frozenset({RAN_TAG, ATTEMPTS_TAG})
"""Tags of task definitions that say what became of a job; nobody wants them, so they are not compared."""


class StackOwner(NamedTuple):
    """Whose resources they are: a compose project in one environment, and the name of its stack."""

    project: str
    environment: str
    stack: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags that mark a resource as ours."""
        return ownership_tags(self.project, self.environment)

    @property
    def beginning(self) -> str:
        """What the names of roles and schedules begin with: those have 64 characters, so that of long ones the end is cut."""
        return self.stack[:32]

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Tell whether something with these tags is ours."""
        return tags.get(PROJECT_TAG) == self.project and tags.get(ENVIRONMENT_TAG, "") == self.environment


class PendingValue(NamedTuple):
    """The value of a link to something that does not exist yet."""

    logical_id: str
    attribute: str

    def __str__(self) -> str:
        return f"({self.attribute} of {self.logical_id})"


class FoundResource(NamedTuple):
    """A resource as it is in AWS.

    Attributes:
        key: What calls about it need to name it: an ARN, an id or a name.
        attributes: What a `Ref` to it gives, by attribute name.
        state: Its members, normalised; the ones that are compared.
        tags: Its tags; None for what cannot have any, and is then as much ours as what it belongs to.
        extra: What the handler wants to remember for update and delete.
        name: What people call it.
    """

    key: Any
    attributes: Mapping[str, Any]
    state: Mapping[str, Any]
    tags: Mapping[str, str] | None = None
    extra: Any = None
    name: str = ""


def _no_value(name: str) -> str:
    raise NoSecretValueError(name)


class NoSecretValueError(Exception):
    """Nobody knows the value of a secret that is to be made."""


class HandlerContext(NamedTuple):
    """What a handler works with."""

    account: AwsAccount
    owner: StackOwner
    clusters: tuple[str, ...] = ()
    """Clusters besides the one of the stack's name in which it has services."""
    secret_value: Callable[[str], str] = _no_value
    """Reads the value of a secret, late, by its name in AWS."""
    stores: bool = False
    """Whether the stack has databases or caches, so that those that there are can be listed."""


class Handler:
    """One resource type; subclasses say what AWS needs."""

    kind: ClassVar[type[Any]]
    immutable: ClassVar[frozenset[str]] = frozenset()
    """Members that AWS does not change: a difference in one of them replaces the resource."""
    fixed: ClassVar[frozenset[str]] = frozenset()
    """Members that can be changed neither in place nor by replacing it; a difference is told, and left."""
    inputs: ClassVar[frozenset[str]] = frozenset()
    """Members that calls need, and that nothing in AWS can be compared with."""
    interrupting: ClassVar[frozenset[str]] = frozenset()
    """Members whose change in place interrupts what runs."""
    taggable: ClassVar[bool] = True
    keeps_data: ClassVar[bool] = False
    """Whether deleting it deletes data of the user."""
    missing: ClassVar[frozenset[str]] = frozenset()
    """Error codes that mean "not there"."""
    exists: ClassVar[frozenset[str]] = frozenset()
    """Error codes that mean "there already"."""
    busy: ClassVar[frozenset[str]] = frozenset()
    """Error codes of a deletion that has to look again before it is repeated; what only has to wait is in `transient_errors`."""

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Give the members that `resource` is to have, normalised; links not known yet are `PendingValue`s."""
        members = to_api(resource, resolve)
        if self.taggable:
            members["tags"] = wanted_tags(resource, context.owner)
        wanted: Json = normalise_state(members)
        return wanted

    def normalise(self, want: Json) -> Json:
        """Normalise again, after members were added."""
        return normalise_state(want)  # type: ignore[no-any-return]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the resource by its name, whoever it belongs to."""
        raise NotImplementedError

    def parts(self, found: FoundResource) -> list[Any]:
        """Give the keys of all that `found` stands for: one, as a rule."""
        return [found.key]

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """Give every resource of this type that is ours, in the compose file or not."""
        raise NotImplementedError

    def region_of(self, found: FoundResource) -> str:
        """Give the region that something global was made for; "" for what is in a region itself."""
        return ""

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make the resource, tagged as ours from its first moment."""
        raise NotImplementedError

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Bring the members `changed` to what is wanted."""
        raise NotImplementedError

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Remove the resource; fine when it is gone already."""
        raise NotImplementedError

    def is_going(self, found: FoundResource) -> bool:
        """Whether it is being deleted, so that all there is to do is to wait."""
        return False

    def holds(self, found: FoundResource) -> Iterable[tuple[type[Any], Any]]:
        """Give what cannot be deleted while it stays, as types and keys."""
        return ()

    def deletion_note(self, found: FoundResource) -> str:
        """Say what a deletion leaves, for the plan; "" for nothing."""
        return ""

    def deletion_refusal(self, found: FoundResource) -> tuple[str, str]:
        """Say why it cannot be deleted as it is, and what to do first; "" where it can."""
        return "", ""

    def refusal(self, found: FoundResource, want: Json, changed: frozenset[str]) -> tuple[str, str]:
        """Say why changing the members `changed` is refused, and what to do instead; "" where it is not."""
        return "", ""

    replaced_first: ClassVar[bool] = False
    """Whether its successor is made before it is deleted, since others hold on to it."""

    def succeed(self, found: FoundResource, want: Json, context: HandlerContext) -> FoundResource:
        """Make the successor of `found`, which is still there."""
        return self.create(want, context)

    def is_there(self, error: Exception) -> bool:
        """Tell whether a creation was refused because it exists already."""
        return error_code(error) in self.exists

    def is_missing(self, error: Exception) -> bool:
        """Tell whether a call was refused because there is no such thing."""
        return error_code(error) in self.missing

    def finish(self, want: Json, context: HandlerContext) -> FoundResource:
        """Read the resource again after something was done about it; a read may lag behind what was written."""
        for _ in range(_LAGGING_READS):
            found = self.find(want, context)
            if found is not None:
                return found
            context.account.sleep(1)
        name = self.kind.__name__
        raise AwsError(
            Diagnostic(
                "C2F407",
                Severity.ERROR,
                f"{name} does not exist after it was created",
                hint="run the command again",
            )
        )


def wanted_tags(resource: Any, owner: StackOwner) -> dict[str, str]:
    """Give the user's tags and ours."""
    return {**{tag.key: tag.value for tag in getattr(resource, "tags", ())}, **owner.tags}


def tags_from(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Read tags in whichever spelling a service has; AWS's own and our bookkeeping are left out of what is compared."""
    return {
        (t.get("Key") or t.get("key") or ""): (t.get("Value") or t.get("value") or "") for t in tags or ()
    }


def shown_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is not compared: AWS's own tags, and our bookkeeping."""
    return {
        key: value
        for key, value in sorted(tags.items())
        if not key.startswith("aws:") and key not in BOOKKEEPING_TAGS
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def lower_tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Write tags as ECS takes them."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def surplus_tags(found: FoundResource, want: Json) -> list[str]:
    """Name the tags that are to go."""
    return [key for key in shown_tags(found.tags or {}) if key not in want["tags"]]


def normalise_state(value: Any) -> Any:
    """Leave out what says nothing (None, empty collections), at every depth; tuples become lists."""
    if isinstance(value, PendingValue):
        return value
    if isinstance(value, Mapping):
        items = {key: normalise_state(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if not _says_nothing(item)}
    if isinstance(value, (list, tuple)):
        return [normalise_state(item) for item in value]
    return value


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (list, dict)) and not value)


def by_key(*keys: str) -> Callable[[Any], str]:
    """Make a sort key of members, for lists whose order means nothing."""
    return lambda item: json.dumps([str(item.get(key, "")) for key in keys])


def has_pending(value: Any) -> bool:
    """Tell whether some link in a value is not known yet."""
    if isinstance(value, PendingValue):
        return True
    if isinstance(value, Mapping):
        return any(has_pending(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(has_pending(item) for item in value)


def idempotency_token(*parts: Any) -> str:
    """Make an idempotency token: the same for the same purpose, so that a repeated call does nothing twice."""
    return sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:32]


def read_or_none(handler: Handler, read: Callable[[], Any]) -> Any:
    """Call `read`; None when AWS says that there is nothing."""
    from botocore.exceptions import ClientError

    try:
        return read()
    except ClientError as error:
        if error_code(error) in handler.missing:
            return None
        raise


def delete_when_free(handler: Handler, delete: Callable[[], Any], context: HandlerContext) -> None:
    """Call `delete`, waiting while others still use it; fine when it is gone already."""
    read_or_none(
        handler, lambda: context.account.eventually(delete, handler.busy) if handler.busy else delete()
    )


def is_overdue(what: str, look: str) -> AwsError:
    """Say what has not happened in the time that it should take; `look` is a command that shows how far it is."""
    return AwsError(
        Diagnostic(
            "C2F493",
            Severity.ERROR,
            f"{what}; it may still complete",
            hint=f"run the command again: it continues where it stopped; {look} shows the progress",
        )
    )


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut into lists of at most `size`."""
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
