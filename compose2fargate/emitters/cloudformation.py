"""The cloudformation target: one template, written from the stack by the tables of `cloudformation_types`.

Nothing here is about one type alone, but for what is no resource of its own: parameters, outputs, mount targets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.aws.patching import merge_extras
from compose2fargate.aws.resources import (
    Account,
    Cluster,
    EcsService,
    Existing,
    Listener,
    LoadBalancer,
    LogGroup,
    MountTargets,
    Network,
    Repository,
    RunTask,
    SecretParameter,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import BuiltImage, Join, Ref, Resolve, Tag, pascal, to_api
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.cloudformation_types import (
    ARNS,
    KINDS,
    NETWORK,
    PSEUDO,
    SECRET_CALLS,
    Kind,
    Member,
    spell,
)
from compose2fargate.emitters.graph import Graph, one_line, policy_text, refs, with_choice_of_addresses
from compose2fargate.emitters.yaml_text import Tagged, write_yaml
from compose2fargate.settings import Settings

FILE = "template.yaml"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_BYTES = 1_048_576
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
MAX_PARAMETERS = 200
LIMITS_URL = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"
DYNAMIC_URL = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"
MAX_MOUNT_TARGETS = 6
"""Subnets that can have a mount target: no region has more than six availability zones."""


class CloudFormationEmitter:
    """Writes one CloudFormation template."""

    name = "cloudformation"
    summary = "one CloudFormation template, for aws cloudformation deploy"

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render the template.

        Raises:
            EmitError: It would be larger than CloudFormation takes, or a text in it would be read as a reference.
        """
        template = Template(stack, settings)
        text = template.text()
        problems = [*template.problems, *_too_large(text, template)]
        if problems:
            raise EmitError(problems)
        return {FILE: text}


def _too_large(text: str, template: Template) -> Iterator[Diagnostic]:
    found = (
        ("C2F341", len(text.encode("utf-8")), MAX_BYTES, "bytes"),
        ("C2F342", len(template.resources), MAX_RESOURCES, "resources"),
        ("C2F342", len(template.outputs), MAX_OUTPUTS, "outputs"),
        ("C2F342", len(template.parameters), MAX_PARAMETERS, "parameters"),
    )
    for code, count, limit, what in found:
        if count > limit:
            yield Diagnostic(
                code,
                Severity.ERROR,
                f"the template has {count:,} {what}; CloudFormation takes {limit:,}",
                hint="split the project (--without SERVICE), or use -t terraform, which has no such limit",
                url=LIMITS_URL,
            )


# -- the template --------------------------------------------------------------------------------------------


class Template:
    """One stack on its way to a template."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        stack, self.public = with_choice_of_addresses(stack)
        self.stack = stack
        self.graph = Graph(stack)
        self.retention = settings.log_retention
        self.problems: list[Diagnostic] = []
        self.ids = _ids(stack)
        self.parameters: dict[str, Any] = {}
        self.conditions: dict[str, Any] = {}
        self.resources: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        # Beyond what CloudFormation takes, counts and tags are literals.
        self._parametrised = (
            len(self._named(EcsService)) + len(self._named(Repository)) <= MAX_PARAMETERS - 10
        )
        self._counts = {id(service): logical_id for logical_id, service in stack.of_type(EcsService)}
        arns = (c.certificate_arn for _, listener in stack.of_type(Listener) for c in listener.certificates)
        self.certificate = next((arn for arn in arns if isinstance(arn, str)), None)
        """The certificate that a parameter chooses."""
        self._build()

    def _named(self, kind: type[Any]) -> list[str]:
        return [logical_id for logical_id, _ in self.stack.of_type(kind)]

    def _build(self) -> None:
        self._declare()
        for logical_id, resource in self.stack.resources.items():
            kind = KINDS.get(type(resource))
            if kind:
                for suffix, one in _split(kind, resource):
                    self._add(
                        self.ids[logical_id] + suffix, logical_id, self._resource(kind, logical_id, one)
                    )
            elif isinstance(resource, MountTargets):
                self._mount_targets(logical_id, resource)
        self._add_outputs()

    def _add(self, name: str, logical_id: str, content: dict[str, Any]) -> None:
        self.resources[name] = content
        self._sources[name] = self.stack.sources.get(logical_id, "")

    def text(self) -> str:
        """Give the template, each resource under the line of the compose file that it comes from."""
        self._refuse_references(self.resources, ())
        head = write_yaml({"AWSTemplateFormatVersion": "2010-09-09", "Description": self._description()})
        sections = [head]
        for title, content in (("Parameters", self.parameters), ("Conditions", self.conditions)):
            if content:
                sections.append(f"{title}:\n{write_yaml(content, '  ')}")
        resources = [
            (f"  # {one_line(self._sources[name])}\n" if self._sources[name] else "")
            + write_yaml({name: content}, "  ")
            for name, content in self.resources.items()
        ]
        sections.append("Resources:\n" + "\n".join(resources))
        if self.outputs:
            sections.append(f"Outputs:\n{write_yaml(self.outputs, '  ')}")
        return "\n".join(sections)

    def _description(self) -> str:
        return f"{self.stack.name} on ECS with Fargate, written by compose2fargate"

    def _refuse_references(self, value: Any, path: tuple[str, ...]) -> None:
        """CloudFormation resolves `{{resolve:…}}` wherever it stands, and has no way to write it as text."""
        if isinstance(value, str):
            if "{{resolve:" in value:
                self.problems.append(
                    Diagnostic(
                        "C2F343",
                        Severity.ERROR,
                        f"the text {{{{resolve:…}}}} in {'.'.join(path)} would be read by CloudFormation as a dynamic reference",
                        hint="put the value into a secret, or use -t terraform",
                        url=DYNAMIC_URL,
                    )
                )
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._refuse_references(item, (*path, str(key)))
        elif isinstance(value, list | tuple):
            for item in value:
                self._refuse_references(item, path)

    # -- parameters ------------------------------------------------------------------------------------------

    def _declare(self) -> None:
        for _, network in self.stack.of_type(Network):
            self._declare_network(network)
        if self._parametrised:
            self._declare_counts_and_tags()
        for _, existing in self.stack.of_type(Existing):
            if _is_named_balancer(existing):
                self.parameters["LoadBalancerArn"] = {
                    "Type": "String",
                    "AllowedPattern": "arn:.+:loadbalancer/app/.+",
                    "Description": f"ARN of the load balancer {existing.identifier}",
                }
        if self.certificate:
            self.parameters["CertificateArn"] = {
                "Type": "String",
                "Default": self.certificate,
                "Description": "ACM certificate of the HTTPS and TLS listeners",
            }
        if any(group.retention_in_days == self.retention for _, group in self.stack.of_type(LogGroup)):
            self.parameters["LogRetentionInDays"] = {
                "Type": "Number",
                "Default": self.retention,
                "AllowedValues": list(LOG_RETENTION_DAYS),
                "Description": "Days that logs are kept",
            }

    def _declare_network(self, network: Network) -> None:
        used = {ref.attribute for resource in self.stack.resources.values() for ref in refs(resource)}
        if "vpc_id" in used:
            self.parameters["VpcId"] = _with_default(
                {"Type": "AWS::EC2::VPC::Id", "Description": "VPC to place everything in"}, network.vpc_id
            )
        self.parameters["SubnetIds"] = _with_default(
            {
                "Type": "List<AWS::EC2::Subnet::Id>",
                "Description": "Subnets of the tasks and file systems, one in each availability zone",
            },
            ",".join(network.subnet_ids),
        )
        if self.public:
            self.parameters["AssignPublicIp"] = {
                "Type": "String",
                "Default": self.public,
                "AllowedValues": ["ENABLED", "DISABLED"],
                "Description": "Whether tasks get public addresses; without, SubnetIds need a NAT gateway or endpoints to pull images",
            }
        if self._named(LoadBalancer):
            self.parameters["LoadBalancerSubnetIds"] = {
                "Type": "CommaDelimitedList",
                "Default": ",".join(network.load_balancer_subnet_ids),
                "Description": "Subnets of the load balancers, in at least two availability zones; empty takes SubnetIds",
            }
            given = Tagged("!Join", ["", Tagged("!Ref", "LoadBalancerSubnetIds")])
            self.conditions["HasLoadBalancerSubnets"] = {"Fn::Not": [{"Fn::Equals": [given, ""]}]}
        if self._named(MountTargets):
            count = len(network.subnet_ids) or 2
            self.parameters["MountTargetCount"] = {
                "Type": "Number",
                "Default": min(count, MAX_MOUNT_TARGETS),
                "AllowedValues": list(range(1, MAX_MOUNT_TARGETS + 1)),
                "Description": "Number of subnets in SubnetIds: each gets a mount target of the file system",
            }

    def _declare_counts_and_tags(self) -> None:
        for logical_id, service in self.stack.of_type(EcsService):
            if logical_id not in self.graph.scaled:
                self.parameters[_parameter("DesiredCount", self.ids[logical_id], "Service")] = {
                    "Type": "Number",
                    "Default": service.desired_count,
                    "MinValue": 0,
                    "Description": f"Number of tasks of {service.service_name}",
                }
        for image in self._images():
            self.parameters[self._image_tag(image)] = {
                "Type": "String",
                "Default": image.tag,
                "Description": "Tag of the image built here",
            }

    def _image_tag(self, image: BuiltImage) -> str:
        """Name the parameter that chooses an image's tag."""
        repository = image.repository.logical_id
        if image.name in ("", self.stack.origins.get(repository)):
            return _parameter("ImageTag", self.ids[repository], "Repository")
        return f"ImageTag{_plain_id(image.name)}"

    def _images(self) -> Iterator[BuiltImage]:
        for _, definition in self.stack.of_type(TaskDefinition):
            for container in definition.container_definitions:
                if isinstance(container.image, BuiltImage) and not container.image.digest:
                    yield container.image

    def count(self, service: EcsService) -> Any:
        """Give the desired count of a service, or None where Application Auto Scaling owns it."""
        logical_id = self._counts[id(service)]
        if logical_id in self.graph.scaled:
            return None
        name = _parameter("DesiredCount", self.ids[logical_id], "Service")
        return Tagged("!Ref", name) if name in self.parameters else service.desired_count

    # -- resources -------------------------------------------------------------------------------------------

    def _resource(self, kind: Kind, logical_id: str, resource: Any) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for field, value in zip(resource._fields, resource, strict=True):
            if field == "tags":
                properties |= self._tags(kind, value)
            elif value is not None and value not in ((), {}):
                properties |= self._member(kind.members.get(field), field, value)
        if kind.more:
            properties |= kind.more(self, resource)
        properties |= kind.always
        extra = self.stack.extras.get(logical_id)
        if extra:
            properties = merge_extras(properties, _spelled(extra))
        content: dict[str, Any] = {"Type": kind.type, **kind.policies}
        waits = self._depends_on(logical_id)
        if waits:
            content["DependsOn"] = waits
        return {**content, "Properties": properties}

    def _tags(self, kind: Kind, tags: tuple[Tag, ...]) -> dict[str, Any]:
        return {kind.tags: self.api(tags)} if kind.tags and tags else {}

    def _member(self, member: Member | None, field: str, value: Any) -> dict[str, Any]:
        if member is None:
            return {spell(field): self.api(value)}
        if not member.name:
            return {}
        return {member.name: member.make(self, value) if member.make else self.api(value)}

    def _depends_on(self, logical_id: str) -> list[str]:
        needed = [
            *self.graph.prerequisites(logical_id),
            *(wait.logical_id for wait in self.graph.waits(logical_id)),
        ]
        return list(dict.fromkeys(name for other in needed for name in self._names_of(other)))

    def _names_of(self, logical_id: str) -> Iterator[str]:
        """Give the resources of the template that stand for one of the stack's."""
        resource = self.stack.resources[logical_id]
        if isinstance(resource, MountTargets):
            # The others are conditional, and made at the same time.
            yield f"{self.ids[logical_id]}1"
        elif isinstance(resource, RunTask):
            if isinstance(resource.task_definition, Ref):
                yield self.ids[resource.task_definition.logical_id]
        else:
            yield self.ids[logical_id]

    def _mount_targets(self, logical_id: str, targets: MountTargets) -> None:
        """A mount target for each of the first subnets: a template has no loop that every account may use."""
        literal = not isinstance(targets.subnet_ids, Ref)
        subnets = self.api(targets.subnet_ids)
        for number in range(1, (len(targets.subnet_ids) if literal else MAX_MOUNT_TARGETS) + 1):
            content: dict[str, Any] = {"Type": "AWS::EFS::MountTarget"}
            if not literal and number > 1:
                content["Condition"] = self._at_least(number)
            content["Properties"] = {
                "FileSystemId": self.api(targets.file_system_id),
                "SubnetId": subnets[number - 1] if literal else Tagged("!Select", [number - 1, subnets]),
                "SecurityGroups": self.api(targets.security_groups),
            }
            self._add(f"{self.ids[logical_id]}{number}", logical_id, content)

    def _at_least(self, number: int) -> str:
        name = f"HasSubnet{number}"
        count = Tagged("!Ref", "MountTargetCount")
        larger = [{"Fn::Equals": [count, str(n)]} for n in range(number, MAX_MOUNT_TARGETS + 1)]
        self.conditions[name] = larger[0] if len(larger) == 1 else {"Fn::Or": larger}
        return name

    # -- links -----------------------------------------------------------------------------------------------

    def api(self, value: Any) -> Any:
        """Give a value as CloudFormation spells it, with functions for its links."""
        return to_api(value, self.resolve, spell, self.link)

    def reference(self, logical_id: str) -> Tagged:
        """Give what `Ref` gives of a resource."""
        return Tagged("!Ref", self.ids[logical_id])

    def resolve(self, ref: Ref) -> Any:
        """Give the function that a link is, or a literal where the name is known."""
        resource = self.stack.get(ref)
        special = self._SPECIAL.get(type(resource))
        found = special(self, resource, ref.attribute) if special else None
        if found is not None:
            return found
        attribute = KINDS[type(resource)].attributes[ref.attribute]
        name = self.ids[ref.logical_id]
        return Tagged("!GetAtt", f"{name}.{attribute}") if attribute else Tagged("!Ref", name)

    def _account(self, _: Any, attribute: str) -> Any:
        return Tagged("!Ref", PSEUDO[attribute])

    def _network(self, _: Any, attribute: str) -> Any:
        return NETWORK[attribute]

    def _parameter_of_ssm(self, parameter: SecretParameter, attribute: str) -> Any:
        return parameter.name if attribute == "name" else self._arn("SecretParameter", parameter.name)

    def _definition(self, definition: TaskDefinition, attribute: str) -> Any:
        if attribute == "family":
            return definition.family
        return self._arn("TaskDefinition", definition.family) if attribute == "arn_without_revision" else None

    def role(self, value: str | Ref) -> Any:
        """Give a role's ARN; a literal may be its name."""
        if isinstance(value, Ref):
            return self.resolve(value._replace(attribute="arn"))
        return value if value.startswith("arn:") else self._arn("Role", value)

    def _existing(self, resource: Existing, attribute: str) -> Any:
        name = resource.identifier
        if _is_named_balancer(resource):
            arn = Tagged("!Ref", "LoadBalancerArn")
            halves = Tagged("!Split", [":loadbalancer/", arn])
            return Tagged("!Select", [1, halves]) if attribute == "full" else arn
        if attribute == "arn" and not name.startswith("arn:"):
            return self._arn(resource.kind, name)
        if attribute == "uri":
            return Tagged(
                "!Sub", f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{_literal(name)}"
            )
        return name

    _SPECIAL: Mapping[type[Any], Callable[[Template, Any, str], Any]] = {
        Account: _account,
        Network: _network,
        Existing: _existing,
        SecretParameter: _parameter_of_ssm,
        TaskDefinition: _definition,
    }

    def _arn(self, kind: str, name: str) -> Tagged:
        service, prefix = ARNS[kind]
        region = "" if service == "iam" else "${AWS::Region}"
        path = prefix.removesuffix("/") if name.startswith("/") and prefix.endswith("/") else prefix
        return Tagged(
            "!Sub", f"arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{path}{_literal(name)}"
        )

    def link(self, value: Ref | Join | BuiltImage, resolve: Resolve) -> Any:
        """Put a text with links in it together."""
        if isinstance(value, Ref):
            return resolve(value)
        if isinstance(value, Join):
            return _sub(part if isinstance(part, str) else resolve(part) for part in value.parts)
        uri = resolve(value.repository)
        if value.digest:
            return _sub([uri, f"@{value.digest}"])
        name = self._image_tag(value)
        return _sub([uri, ":", Tagged("!Ref", name) if name in self.parameters else value.tag])

    def statement(self, statement: Any) -> dict[str, Any]:
        """Give a statement of a policy."""
        made: dict[str, Any] = {"Sid": statement.sid} if statement.sid else {}
        made |= {
            "Effect": "Allow",
            "Action": list(statement.actions),
            "Resource": [self.api(policy_text(self.stack, resource)) for resource in statement.resources],
        }
        conditions: dict[str, dict[str, Any]] = {}
        for condition in statement.conditions:
            values = [self.api(policy_text(self.stack, value)) for value in condition.values]
            conditions.setdefault(condition.test, {})[condition.variable] = values
        return {**made, "Condition": conditions} if conditions else made

    # -- outputs ---------------------------------------------------------------------------------------------

    def _add_outputs(self) -> None:
        for logical_id in self._named(Cluster):
            self._output("ClusterName", "Name of the ECS cluster", self.reference(logical_id))
        for _, listener in self.stack.of_type(Listener):
            if isinstance(listener.load_balancer_arn, Ref):
                self._add_url(listener, listener.load_balancer_arn)
        for logical_id, service in self.stack.of_type(EcsService):
            self._output(
                self.ids[logical_id], f"ARN of the service {service.service_name}", self.reference(logical_id)
            )
        for logical_id, definition in self.stack.of_type(TaskDefinition):
            description = f"ARN of the task definition {definition.family}"
            self._output(self.ids[logical_id], description, self.reference(logical_id))
        for logical_id, repository in self.stack.of_type(Repository):
            description = f"Where {repository.repository_name} is pushed to"
            uri = self.resolve(Ref(logical_id, "uri"))
            self._output(self.ids[logical_id], description, uri)
        for logical_id, task in self.stack.of_type(RunTask):
            self._output(self.ids[logical_id], "Runs the job", self._command(task))
        for kind, call in SECRET_CALLS.items():
            for logical_id, secret in self.stack.of_type(kind):
                parts = [
                    "aws ",
                    call[0],
                    Tagged("!Ref", "AWS::Region"),
                    f" {call[1]} {secret.name} {call[2]}",
                ]
                self._output(self.ids[logical_id], "Sets the secret from a file with its value", _sub(parts))

    def _output(self, name: str, description: str, value: Any) -> None:
        self.outputs[name] = {"Description": description, "Value": value}

    def _add_url(self, listener: Listener, balancer: Ref) -> None:
        """Say where a listener answers, unless its load balancer is one of the user's."""
        if isinstance(self.stack.get(balancer), Existing):
            return
        protocol = listener.protocol.lower()
        usual = {"http": 80, "https": 443}.get(protocol) == listener.port
        dns = self.resolve(balancer._replace(attribute="dns"))
        url = _sub([f"{protocol}://", dns, "" if usual else f":{listener.port}"])
        name = f"Url{listener.port}"
        self._output(
            name if name not in self.outputs else name + protocol.title(),
            "Where the load balancer answers",
            url,
        )

    def _command(self, task: RunTask) -> Tagged:
        """Write the call that runs a job, its JSON put together from what CloudFormation knows."""
        definition = task.task_definition
        exact = task._replace(
            task_definition=definition
            if isinstance(definition, str)
            else definition._replace(attribute="arn")
        )
        request = to_api(exact, self.resolve, link=self.link)
        parts = ["aws ecs run-task --region ", Tagged("!Ref", "AWS::Region"), " --cli-input-json '"]
        return Tagged("!Join", ["", _joined([*parts, *_json_parts(request), "'"])])


def _split(kind: Kind, resource: Any) -> Iterator[tuple[str, Any]]:
    """Yield a resource as it is, or once for each of the fields that exclude each other."""
    given = [field for field in kind.one_of if getattr(resource, field) is not None]
    if len(given) < 2:
        yield "", resource
        return
    for index, field in enumerate(given):
        others = {other: None for other in given if other != field}
        yield pascal(field) if index else "", resource._replace(**others)


def _is_named_balancer(resource: Existing) -> bool:
    """Whether it is a load balancer of which only the name is known: its ARN holds an id that only AWS knows."""
    return resource.kind == "LoadBalancer" and not resource.identifier.startswith("arn:")


def _with_default(parameter: dict[str, Any], default: str) -> dict[str, Any]:
    return {**parameter, "Default": default} if default else parameter


def _parameter(prefix: str, name: str, kind: str) -> str:
    return prefix + name.removeprefix(kind)


def _plain_id(logical_id: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", logical_id)
    return "".join(word[:1].upper() + word[1:] for word in words)[:200] or "X"


def _ids(stack: Stack) -> Mapping[str, str]:
    """Give each resource its name in the template: letters and digits; what would be one twice gets a suffix."""
    plain = {logical_id: _plain_id(logical_id) for logical_id in stack.resources}
    seen: dict[str, list[str]] = {}
    for logical_id, name in plain.items():
        seen.setdefault(name, []).append(logical_id)
    return {
        logical_id: name if len(seen[name]) == 1 else name + sha256(logical_id.encode()).hexdigest()[:6]
        for logical_id, name in plain.items()
    }


def _literal(text: str) -> str:
    """Give a text as it stands inside `Fn::Sub`."""
    return text.replace("${", "${!")


def _sub(parts: Iterable[Any]) -> Any:
    """Put texts and functions together: `Fn::Sub` where functions are plain, else `Fn::Join`."""
    parts = [part for part in parts if part != ""]
    if all(isinstance(part, str) for part in parts):
        return "".join(parts)
    if all(isinstance(part, str) or part.tag in ("!Ref", "!GetAtt", "!Sub") for part in parts):
        return Tagged("!Sub", "".join(map(_in_sub, parts)))
    return Tagged("!Join", ["", _joined(parts)])


def _in_sub(part: Any) -> str:
    if isinstance(part, str):
        return _literal(part)
    return str(part.value) if part.tag == "!Sub" else f"${{{part.value}}}"


def _joined(parts: Iterable[Any]) -> list[Any]:
    """Put neighbouring texts into one."""
    joined: list[Any] = []
    for part in parts:
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _json_parts(value: Any) -> Iterator[Any]:
    """Write JSON as a list of texts and functions; inside single quotes of a shell."""
    if isinstance(value, Tagged):
        listed = value.tag == "!If" or value.value == "SubnetIds"
        yield from ('["', Tagged("!Join", ['","', value]), '"]') if listed else ('"', value, '"')
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield f'{"," if index else "{"}"{key}":'
            yield from _json_parts(item)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield "," if index else ""
            yield from _json_parts(item)
        yield "]"
    else:
        yield json.dumps(value).replace("'", "'\\''")


# Members whose keys are the user's own.
_MAPS = frozenset({"dockerLabels", "options", "tags"})


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key[:1].upper() + key[1:]: item if key in _MAPS else _spelled(item) for key, item in value.items()
        }
    return [_spelled(item) for item in value] if isinstance(value, list) else value
