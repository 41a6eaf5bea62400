"""Cloud Map: namespaces of Service Connect, private DNS namespaces, and the names in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from compose2fargate.apply.aws_client.account import error_code
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    delete_when_free,
    has_pending,
    idempotency_token,
    normalise_state,
    read_or_none,
    shown_tags,
    surplus_tags,
    tag_list,
    tags_from,
    wanted_tags,
)
from compose2fargate.aws import resources as aws
from compose2fargate.aws import store_resources as stores
from compose2fargate.aws.api_values import Ref, to_api
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity


class _CloudMap(Handler):
    """What they have in common: tags by ARN, and operations that end later."""

    missing = frozenset({"NamespaceNotFound", "ServiceNotFound", "ResourceNotFoundException"})
    exists = frozenset({"NamespaceAlreadyExists", "ServiceAlreadyExists", "ConflictingDomainExists"})

    def tags(self, arn: str, context: HandlerContext) -> dict[str, str]:
        """Read the tags of one resource."""
        client = context.account.client("servicediscovery")
        answer = read_or_none(self, lambda: client.list_tags_for_resource(ResourceARN=arn))
        return tags_from(answer["Tags"]) if answer else {}

    def retag(self, found: FoundResource, want: Json, context: HandlerContext) -> None:
        """Bring the tags to what is wanted."""
        client, arn = context.account.client("servicediscovery"), found.attributes["arn"]
        client.tag_resource(ResourceARN=arn, Tags=tag_list(want["tags"]))
        surplus = surplus_tags(found, want)
        if surplus:
            client.untag_resource(ResourceARN=arn, TagKeys=surplus)

    def begun(self, call: Callable[[], Json], context: HandlerContext) -> str:
        """Ask for something that ends later, and give the operation's id; of the same that is under way, that one's.

        https://docs.aws.amazon.com/cloud-map/latest/api/API_CreateHttpNamespace.html#API_CreateHttpNamespace_Errors
        """
        try:
            return str(call()["OperationId"])
        except context.account.client_error as error:
            under_way = error.response.get("DuplicateOperationId")
            if error_code(error) != "DuplicateRequest" or not under_way:
                raise
            return str(under_way)

    def finished(self, operation: str, context: HandlerContext) -> Json:
        """Wait for an operation to end, and give what it was about."""
        client = context.account.client("servicediscovery")
        for _ in range(150):
            answer: Json = client.get_operation(OperationId=operation)["Operation"]
            if answer["Status"] == "SUCCESS":
                return answer.get("Targets") or {}
            if answer["Status"] == "FAIL":
                raise OperationFailedError(
                    f"{answer.get('ErrorCode', '')} {answer.get('ErrorMessage', '')}".strip()
                )
            context.account.tell("for Cloud Map")
            context.account.sleep(2)
        raise OperationFailedError(f"Cloud Map's operation {operation} did not end within five minutes")


class OperationFailedError(Exception):
    """Cloud Map took a call, and could not do what it asked."""


BY_ECS: Final = "AmazonECSManaged"
"""The tag of what ECS itself made: names of Service Connect, in this case.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECSServiceRolePolicy.html
"""


class _Namespace(_CloudMap):
    """Namespaces: found by name and type."""

    busy = frozenset({"ResourceInUse"})
    type: str

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name among namespaces of this type."""
        return next((f for f in self._read(context) if f.state["name"] == want["name"]), None)

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the namespaces with our tags."""
        return [found for found in self._read(context) if context.owner.owns(found.tags or {})]

    def _read(self, context: HandlerContext) -> Iterable[FoundResource]:
        filters = [{"Name": "TYPE", "Values": [self.type], "Condition": "EQ"}]
        for one in context.account.pages(
            "servicediscovery", "list_namespaces", "Namespaces", Filters=filters
        ):
            if one["Type"] == self.type:
                tags = self.tags(one["Arn"], context)
                attributes = {"arn": one["Arn"], "id": one["Id"], "name": one["Name"]}
                state = {"name": one["Name"], "tags": shown_tags(tags), **self.read_more(one, context)}
                yield FoundResource(one["Id"], attributes, normalise_state(state), tags, name=one["Name"])

    def read_more(self, namespace: Json, context: HandlerContext) -> Json:
        """Give the members that only this type has."""
        return {}

    def request(self, want: Json, context: HandlerContext) -> Json:
        """Ask for the namespace, and give the answer."""
        raise NotImplementedError

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make it and wait for it."""
        self.finished(self.begun(lambda: self.request(want, context), context), context)
        return self.finish(want, context)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the tags: nothing else can be."""
        self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete it once there are no names in it any more; what Service Connect left in it goes first."""
        client = context.account.client("servicediscovery")

        def delete() -> None:
            try:
                operation = self.begun(lambda: client.delete_namespace(Id=found.key), context)
            except context.account.client_error as error:
                if error_code(error) in self.busy:
                    self._clear(found, context)
                    context.account.tell("for the namespace's names to be gone")
                raise
            self.finished(operation, context)

        delete_when_free(self, delete, context)

    def _clear(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete the names that ECS made in a namespace of ours: it does not always take them along with a service.

        Raises:
            AwsError: There are others, which are somebody else's.
        """
        client = context.account.client("servicediscovery")
        strangers = []
        for one in list(_names_in(found.key, context)):
            tags = self.tags(one["Arn"], context)
            if BY_ECS in tags:
                delete_when_free(_NAMES, partial(client.delete_service, Id=one["Id"]), context)
            elif not context.owner.owns(tags):
                strangers.append(one["Name"])
        if strangers:
            raise AwsError(_not_empty(found.name, strangers))


def _names_in(namespace: str, context: HandlerContext) -> Iterable[Json]:
    filters = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
    return context.account.pages("servicediscovery", "list_services", "Services", Filters=filters)


def _not_empty(namespace: str, strangers: list[str]) -> Diagnostic:
    return Diagnostic(
        "C2F497",
        Severity.ERROR,
        f"namespace {namespace} is not deleted because it contains names of other owners: {', '.join(strangers)}",
        hint="list them with aws servicediscovery list-services, delete each with delete-service --id ID, and run it again",
        url="https://docs.aws.amazon.com/cloud-map/latest/api/API_DeleteNamespace.html",
    )


class NamespaceHandler(_Namespace):
    """HTTP namespaces, those of Service Connect."""

    kind = aws.Namespace
    type = "HTTP"

    def request(self, want: Json, context: HandlerContext) -> Json:
        """Ask for an HTTP namespace."""
        client = context.account.client("servicediscovery")
        answer: Json = client.create_http_namespace(
            Name=want["name"],
            CreatorRequestId=idempotency_token("http", want["name"], *context.owner),
            Tags=tag_list(want["tags"]),
        )
        return answer


class DnsNamespaceHandler(_Namespace):
    """Namespaces with a private DNS zone."""

    kind = aws.DnsNamespace
    type = "DNS_PRIVATE"
    immutable = frozenset({"vpc"})

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name; the API does not tell the VPC, so that is taken as it is wanted."""
        found = super().find(want, context)
        return found and found._replace(state={**found.state, "vpc": want["vpc"]})

    def request(self, want: Json, context: HandlerContext) -> Json:
        """Ask for a private DNS namespace."""
        client = context.account.client("servicediscovery")
        answer: Json = client.create_private_dns_namespace(
            Name=want["name"],
            Vpc=want["vpc"],
            CreatorRequestId=idempotency_token("dns", want["name"], want["vpc"], *context.owner),
            Tags=tag_list(want["tags"]),
        )
        return answer


class DiscoveryServiceHandler(_CloudMap):
    """Names in a private DNS namespace: an A record for each healthy task, or a CNAME record that leads to a store."""

    kind = aws.DiscoveryService
    immutable = frozenset({"namespaceId", "recordType"})

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Give the members that are compared."""
        return {
            "name": resource.name,
            "namespaceId": resolve(resource.namespace_id),
            "ttl": resource.ttl,
            "recordType": resource.record_type,
            "tags": wanted_tags(resource, context.owner),
        }

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for the name in the namespace."""
        if has_pending(want["namespaceId"]):
            return None
        return next(
            (f for f in self._read(context, want["namespaceId"]) if f.state["name"] == want["name"]), None
        )

    def _read(self, context: HandlerContext, namespace: str) -> Iterable[FoundResource]:
        client = context.account.client("servicediscovery")
        for one in _names_in(namespace, context):
            service = read_or_none(self, partial(client.get_service, Id=one["Id"]))
            if not service or service["Service"].get("NamespaceId") not in (namespace, None):
                continue
            service = service["Service"]
            tags = self.tags(service["Arn"], context)
            records = (service.get("DnsConfig") or {}).get("DnsRecords") or [{}]
            state = {
                "name": service["Name"],
                "namespaceId": namespace,
                "ttl": records[0].get("TTL"),
                "recordType": records[0].get("Type"),
                "tags": shown_tags(tags),
            }
            attributes = {"arn": service["Arn"], "id": service["Id"], "name": service["Name"]}
            yield FoundResource(service["Id"], attributes, normalise_state(state), tags, name=service["Name"])

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the names in our private DNS namespaces."""
        for namespace in DnsNamespaceHandler().owned(context):
            yield from (
                one for one in self._read(context, namespace.key) if context.owner.owns(one.tags or {})
            )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Make the name; in one of tasks ECS registers these, and takes out those that are not healthy."""
        of_tasks = want["recordType"] == "A"
        checked = {"HealthCheckCustomConfig": {"FailureThreshold": 1}} if of_tasks else {}
        answer = context.account.client("servicediscovery").create_service(
            Name=want["name"],
            NamespaceId=want["namespaceId"],
            DnsConfig={
                "RoutingPolicy": "MULTIVALUE" if of_tasks else "WEIGHTED",
                "DnsRecords": [{"Type": want["recordType"], "TTL": want["ttl"]}],
            },
            **checked,
            CreatorRequestId=idempotency_token("name", want["name"], want["namespaceId"]),
            Tags=tag_list(want["tags"]),
        )["Service"]
        attributes = {"arn": answer["Arn"], "id": answer["Id"], "name": answer["Name"]}
        return FoundResource(answer["Id"], attributes, want, want["tags"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change the time to live, and the tags."""
        client = context.account.client("servicediscovery")
        if "ttl" in changed:
            records = [{"Type": want["recordType"], "TTL": want["ttl"]}]
            change = {"DnsConfig": {"DnsRecords": records}}
            self.finished(
                self.begun(lambda: client.update_service(Id=found.key, Service=change), context), context
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Delete the name once no task is registered in it."""
        client = context.account.client("servicediscovery")
        delete_when_free(self, lambda: client.delete_service(Id=found.key), context)


_NAMES = DiscoveryServiceHandler()


_INSTANCE: Final = "AWS_INSTANCE_CNAME"


class DiscoveryInstanceHandler(_CloudMap):
    """What the name of a store leads to: its endpoint."""

    kind = stores.DiscoveryInstance
    taggable = False
    immutable = frozenset({"serviceId"})
    missing = _CloudMap.missing | {"InstanceNotFound"}

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Give the members that are compared."""
        members: Json = to_api(resource, resolve)
        return members

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look for it in the name."""
        if has_pending(want["serviceId"]):
            return None
        every = self._read(want["serviceId"], "", context)
        return next((one for one in every if one.state["instanceId"] == want["instanceId"]), None)

    def _read(self, service: str, name: str, context: HandlerContext) -> list[FoundResource]:
        pages = context.account.pages("servicediscovery", "list_instances", "Instances", ServiceId=service)
        return [
            FoundResource(
                (service, one["Id"]),
                {"id": one["Id"]},
                {"instanceId": one["Id"], "serviceId": service, "target": one["Attributes"][_INSTANCE]},
                None,
                name=name or one["Id"],
            )
            for one in read_or_none(self, lambda: list(pages)) or ()
            if _INSTANCE in one["Attributes"]
        ]

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List those in our names that lead somewhere else."""
        for name in _NAMES.owned(context):
            if name.state.get("recordType") != "A":
                yield from self._read(name.key, name.name, context)

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Let the name lead to the endpoint; registered again, it leads to another one."""
        client = context.account.client("servicediscovery")
        given = {
            "ServiceId": want["serviceId"],
            "InstanceId": want["instanceId"],
            "Attributes": {_INSTANCE: want["target"]},
        }
        self.finished(self.begun(lambda: client.register_instance(**given), context), context)
        return FoundResource((want["serviceId"], want["instanceId"]), {"id": want["instanceId"]}, want)

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Let the name lead to another endpoint."""
        return self.create(want, context)

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Let the name lead nowhere."""
        client = context.account.client("servicediscovery")
        service, instance = found.key

        def deregister() -> None:
            self.finished(
                self.begun(
                    lambda: client.deregister_instance(ServiceId=service, InstanceId=instance), context
                ),
                context,
            )

        delete_when_free(self, deregister, context)
