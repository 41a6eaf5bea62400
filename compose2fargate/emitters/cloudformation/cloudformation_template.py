"""The cloudformation target: one template, written from the stack by the tables of `cloudformation_types`.

Nothing here is about one type alone, but for what is no resource of its own: parameters, outputs, mount targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref, Resolve, Tag, pascal_case, to_api
from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.aws.patching import merge_extras
from compose2fargate.aws.resources import (
    AccountIdentity,
    Condition,
    EcsService,
    Existing,
    Listener,
    LoadBalancer,
    LogGroup,
    MountTargets,
    Repository,
    RunTask,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.rolling_deployments import percents_of_few, smallest_moving_count
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.emitters.cloudformation.cloudformation_jobs import (
    job_properties,
    runner_resources,
)
from compose2fargate.emitters.cloudformation.cloudformation_mount_targets import (
    awaited_names,
    mount_target_resources,
    subnet_conditions,
)
from compose2fargate.emitters.cloudformation.cloudformation_outputs import template_outputs
from compose2fargate.emitters.cloudformation.cloudformation_overlay import SECTIONS, with_overlay
from compose2fargate.emitters.cloudformation.cloudformation_replacement import (
    PARAMETER,
    presence_condition,
    replaceable_services,
    replacement_parameter,
    resources_by_service,
)
from compose2fargate.emitters.cloudformation.cloudformation_types import (
    ARNS,
    KINDS,
    NETWORK,
    PSEUDO,
    SECRET_MEMBERS,
    CloudFormationType,
    TemplateProperty,
    spell_member,
)
from compose2fargate.emitters.cloudformation.cloudformation_values import (
    DYNAMIC_URL,
    any_of,
    cloudformation_ids,
    literal_text,
    parameter_with_default,
    pascal_case_members,
    string_parameter,
    sub_function,
)
from compose2fargate.emitters.resource_graph import (
    ResourceGraph,
    iter_refs,
    one_line,
    policy_text,
    with_choice_of_addresses,
    with_inputs_looked_up,
)
from compose2fargate.settings import Settings
from compose2fargate.text.yaml_text import TaggedValue, write_yaml

MAX_PARAMETERS = 200


class CloudFormationTemplate:
    """One stack on its way to a template."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._inputs = stack
        stack, self.public = with_choice_of_addresses(with_inputs_looked_up(stack))
        self.stack = stack
        self.graph = ResourceGraph(stack)
        self.retention = settings.log_retention
        self.problems: list[Diagnostic] = []
        self.ids = cloudformation_ids(stack.resources)
        services = dict.fromkeys(image.name for image in stack.built_images())
        self._image_tags = {name: f"ImageTag{plain}" for name, plain in cloudformation_ids(services).items()}
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
        self._replaceable = replaceable_services(stack)
        self._present = {
            logical_id: f"Has{self.ids[service]}"
            for logical_id, service in resources_by_service(stack, self._replaceable).items()
        }
        """Conditions under which resources are there, where a parameter can leave them out."""
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
                self.conditions |= subnet_conditions(resource)
                for name, content in mount_target_resources(self, self.ids[logical_id], resource).items():
                    self._add(name, logical_id, content)
            elif logical_id in self.graph.jobs:
                self._add(self.ids[logical_id], logical_id, self._job(logical_id, resource))
        for name, content in runner_resources(self).items():
            self.resources[name], self._sources[name] = content, ""
        self.outputs = template_outputs(self, self._inputs)
        if self.stack.template_overlay:
            self._lay_over(self.stack.template_overlay)

    def _lay_over(self, overlay: Mapping[str, Any]) -> None:
        sections = (self.parameters, self.conditions, self.resources, self.outputs)
        made, problems = with_overlay(dict(zip(SECTIONS, sections, strict=True)), overlay)
        self.parameters, self.conditions, self.resources, self.outputs = (made[name] for name in SECTIONS)
        self.problems += problems

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
            (f"  # {one_line(self._sources[name])}\n" if self._sources.get(name) else "")
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
            if "{{resolve:" in value and path[-1] not in SECRET_MEMBERS:
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
        for _, network in self.stack.of_type(VpcNetwork):
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
        if self._replaceable:
            self.parameters[PARAMETER] = replacement_parameter(self._replaceable)
            self.conditions |= {
                self._present[logical_id]: presence_condition(name)
                for logical_id, name in self._replaceable.items()
            }
        if any(group.retention_in_days == self.retention for _, group in self.stack.of_type(LogGroup)):
            self.parameters["LogRetentionInDays"] = {
                "Type": "Number",
                "Default": self.retention,
                "AllowedValues": list(LOG_RETENTION_DAYS),
                "Description": "Days that logs are kept",
            }

    def _declare_network(self, network: VpcNetwork) -> None:
        used = {ref.attribute for resource in self.stack.resources.values() for ref in iter_refs(resource)}
        if "vpc_id" in used:
            self.parameters["VpcId"] = parameter_with_default(
                {"Type": "AWS::EC2::VPC::Id", "Description": "VPC to place everything in"}, network.vpc_id
            )
        self.parameters["SubnetIds"] = parameter_with_default(
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
            given = TaggedValue("!Join", ["", TaggedValue("!Ref", "LoadBalancerSubnetIds")])
            self.conditions["HasLoadBalancerSubnets"] = {"Fn::Not": [{"Fn::Equals": [given, ""]}]}

    def _declare_counts_and_tags(self) -> None:
        for logical_id, service in self.stack.of_type(EcsService):
            if logical_id not in self.graph.scaled:
                self.parameters[string_parameter("DesiredCount", self.ids[logical_id], "Service")] = {
                    "Type": "Number",
                    "Default": service.desired_count,
                    "MinValue": 0,
                    "Description": f"Number of tasks of {service.service_name}",
                }
        for image in self.stack.built_images():
            if not image.digest:
                self.parameters[self._image_tags[image.name]] = {
                    "Type": "String",
                    "Default": image.tag,
                    "Description": "Tag of the image built here",
                }

    def count(self, service: EcsService) -> Any:
        """Give the desired count of a service, or None where Application Auto Scaling owns it."""
        logical_id = self._counts[id(service)]
        if logical_id in self.graph.scaled:
            return None
        name = string_parameter("DesiredCount", self.ids[logical_id], "Service")
        return TaggedValue("!Ref", name) if name in self.parameters else service.desired_count

    def deployment(self, service: EcsService) -> Any:
        """Give how one version of a service follows another: with fewer tasks than the compose file says, by other percentages."""
        usual = service.deployment_configuration
        made = self.api(usual)
        enough = smallest_moving_count(usual, service.desired_count)
        count = self.count(service)
        if enough == 1 or not isinstance(count, TaggedValue):
            return made
        name = f"Few{count.value.removeprefix('DesiredCount')}"
        self.conditions[name] = any_of(count, range(1, enough))
        minimum, maximum = percents_of_few(usual)
        for member, few in (("MinimumHealthyPercent", minimum), ("MaximumPercent", maximum)):
            if made[member] != few:
                made[member] = TaggedValue("!If", [name, few, made[member]])
        return made

    # -- resources -------------------------------------------------------------------------------------------

    def _resource(self, kind: CloudFormationType, logical_id: str, resource: Any) -> dict[str, Any]:
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
            properties = merge_extras(properties, pascal_case_members(extra))
        content: dict[str, Any] = {"Type": kind.type, **kind.policies}
        content |= {**self.presence(logical_id), **self._waits(logical_id)}
        return {**content, "Properties": properties}

    def _waits(self, logical_id: str) -> dict[str, Any]:
        """Say what comes first: what may be left out by a reference, since `DependsOn` cannot name what is not always there."""
        needed = list(
            dict.fromkeys(
                (
                    *self.graph.prerequisites(logical_id),
                    *(wait.logical_id for wait in self.graph.waits(logical_id)),
                )
            )
        )
        always = [name for other in needed if other not in self._present for name in self._names_of(other)]
        made: dict[str, Any] = {"DependsOn": list(dict.fromkeys(always))} if always else {}
        perhaps = {
            self.ids[other]: TaggedValue("!If", [self._present[other], self.reference(other), ""])
            for other in needed
            if other in self._present
        }
        return made | ({"Metadata": {"After": perhaps}} if perhaps else {})

    def presence(self, logical_id: str) -> dict[str, str]:
        """Give the condition under which a resource is there, where it is not always."""
        return {"Condition": self._present[logical_id]} if logical_id in self._present else {}

    def _tags(self, kind: CloudFormationType, tags: tuple[Tag, ...]) -> dict[str, Any]:
        return {kind.tags: self.api(tags)} if kind.tags and tags else {}

    def _member(self, member: TemplateProperty | None, field: str, value: Any) -> dict[str, Any]:
        if member is None:
            return {spell_member(field): self.api(value)}
        if not member.name:
            return {}
        return {member.name: member.make(self, value) if member.make else self.api(value)}

    def _names_of(self, logical_id: str) -> Iterator[str]:
        """Give the resources of the template that stand for one of the stack's."""
        resource = self.stack.resources[logical_id]
        if isinstance(resource, MountTargets):
            yield from awaited_names(self.ids[logical_id], resource)
        elif isinstance(resource, RunTask) and logical_id not in self.graph.jobs:
            if isinstance(resource.task_definition, Ref):
                yield self.ids[resource.task_definition.logical_id]
        else:
            yield self.ids[logical_id]

    def _job(self, logical_id: str, task: Any) -> dict[str, Any]:
        """Give the custom resource that runs a job while the stack is deployed."""
        content: dict[str, Any] = {"Type": "Custom::Job", **self._waits(logical_id)}
        return {**content, "Properties": job_properties(self, task)}

    # -- links -----------------------------------------------------------------------------------------------

    def api(self, value: Any) -> Any:
        """Give a value as CloudFormation spells it, with functions for its links."""
        return to_api(value, self.resolve, spell_member, self.link)

    def reference(self, logical_id: str) -> TaggedValue:
        """Give what `Ref` gives of a resource."""
        return TaggedValue("!Ref", self.ids[logical_id])

    def resolve(self, ref: Ref) -> Any:
        """Give the function that a link is, or a literal where the name is known."""
        resource = self.stack.get(ref)
        special = self._SPECIAL.get(type(resource))
        found = special(self, resource, ref.attribute) if special else None
        if found is not None:
            return found
        attribute = KINDS[type(resource)].attributes[ref.attribute]
        name = self.ids[ref.logical_id]
        return TaggedValue("!GetAtt", f"{name}.{attribute}") if attribute else TaggedValue("!Ref", name)

    def _account(self, _: Any, attribute: str) -> Any:
        return TaggedValue("!Ref", PSEUDO[attribute])

    def _network(self, _: Any, attribute: str) -> Any:
        return NETWORK[attribute]

    def _definition(self, definition: TaskDefinition, attribute: str) -> Any:
        if attribute == "family":
            return definition.family
        return self.arn("TaskDefinition", definition.family) if attribute == "arn_without_revision" else None

    def role(self, value: str | Ref) -> Any:
        """Give a role's ARN; a literal may be its name."""
        if isinstance(value, Ref):
            return self.resolve(value._replace(attribute="arn"))
        return value if value.startswith("arn:") else self.arn("Role", value)

    def _existing(self, resource: Existing, attribute: str) -> Any:
        name = resource.identifier
        if _is_named_balancer(resource):
            arn = TaggedValue("!Ref", "LoadBalancerArn")
            halves = TaggedValue("!Split", [":loadbalancer/", arn])
            return TaggedValue("!Select", [1, halves]) if attribute == "full" else arn
        if attribute == "arn" and not name.startswith("arn:"):
            return self.arn(resource.kind, name)
        if attribute == "uri":
            return TaggedValue(
                "!Sub",
                f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{literal_text(name)}",
            )
        named = attribute == "name" and resource.kind in ("Cluster", "Role")
        return name.rpartition("/")[2] if named and name.startswith("arn:") else name

    _SPECIAL: Mapping[type[Any], Callable[[CloudFormationTemplate, Any, str], Any]] = {
        AccountIdentity: _account,
        VpcNetwork: _network,
        Existing: _existing,
        TaskDefinition: _definition,
    }

    def arn(self, kind: str, name: str) -> TaggedValue:
        """Give the ARN of something with a name in this account and region."""
        service, prefix = ARNS[kind]
        region = "" if service == "iam" else "${AWS::Region}"
        path = prefix.removesuffix("/") if name.startswith("/") and prefix.endswith("/") else prefix
        return TaggedValue(
            "!Sub",
            f"arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{path}{literal_text(name)}",
        )

    def link(self, value: Ref | JoinedText | BuiltImage, resolve: Resolve) -> Any:
        """Put a text with links in it together."""
        if isinstance(value, Ref):
            return resolve(value)
        if isinstance(value, JoinedText):
            return sub_function(part if isinstance(part, str) else resolve(part) for part in value.parts)
        uri = resolve(value.repository)
        if value.digest:
            return sub_function([uri, f"@{value.digest}"])
        name = self._image_tags[value.name]
        return sub_function([uri, ":", TaggedValue("!Ref", name) if name in self.parameters else value.tag])

    def statement(self, statement: Any) -> dict[str, Any]:
        """Give a statement of a policy."""
        made: dict[str, Any] = {"Sid": statement.sid} if statement.sid else {}
        made |= {
            "Effect": "Allow",
            "Action": list(statement.actions),
            "Resource": [self._governed(resource) for resource in statement.resources],
        }
        conditions = self.conditions_of(statement.conditions)
        return {**made, "Condition": conditions} if conditions else made

    def conditions_of(self, conditions: tuple[Condition, ...]) -> dict[str, dict[str, Any]]:
        """Give the conditions of a statement, in a policy or in a role's trust."""
        made: dict[str, dict[str, Any]] = {}
        for condition in conditions:
            values = [self.api(policy_text(self.stack, value)) for value in condition.values]
            made.setdefault(condition.test, {})[condition.variable] = values
        return made

    def _governed(self, resource: Any) -> Any:
        """Give what a statement is about: of a secret that is known by its name, whatever AWS adds to that.

        https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
        """
        found = self.stack.get(resource) if isinstance(resource, Ref) else None
        if (
            isinstance(found, Existing)
            and found.kind == "ManagedSecret"
            and not found.identifier.startswith("arn:")
        ):
            return self.api(JoinedText((resource, "-??????")))
        return self.api(policy_text(self.stack, resource))


def _split(kind: CloudFormationType, resource: Any) -> Iterator[tuple[str, Any]]:
    """Yield a resource as it is, or once for each of the fields that exclude each other."""
    given = [field for field in kind.one_of if getattr(resource, field) is not None]
    if len(given) < 2:
        yield "", resource
        return
    for index, field in enumerate(given):
        others = {other: None for other in given if other != field}
        yield pascal_case(field) if index else "", resource._replace(**others)


def _is_named_balancer(resource: Existing) -> bool:
    """Whether it is a load balancer of which only the name is known: its ARN holds an id that only AWS knows."""
    return resource.kind == "LoadBalancer" and not resource.identifier.startswith("arn:")
