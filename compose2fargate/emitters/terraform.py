"""The terraform target: a root module that reads as if a person had written it, one file per service.

What stands in a resource is decided by the stack and spelled by `terraform_resources`; the templates beside this
module only lay files out. There is no provider block: region and credentials are the caller's.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from unicodedata import is_normalized

from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.aws.resources import (
    AccessPoint,
    Cluster,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    Existing,
    FileSystem,
    IngressRule,
    Listener,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    ManagedSecret,
    MountTargets,
    Namespace,
    Network,
    Repository,
    Role,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import BuiltImage, Ref
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters import Artifacts
from compose2fargate.emitters.graph import Graph, one_line, with_choice_of_addresses
from compose2fargate.emitters.hcl import Attribute, Block, Call, Expression, block_text, template, value_text
from compose2fargate.emitters.terraform_names import ACCOUNT, Addresses
from compose2fargate.emitters.terraform_resources import Scope, assume_role, render, run_task_name
from compose2fargate.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

TITLES: Mapping[str, str] = {
    "cluster.tf": "The cluster, and the names by which services find each other.",
    "network.tf": "Where everything is placed, and what may reach what.",
    "load_balancer.tf": "What the outside reaches.",
    "iam.tf": "What ECS and the schedules may do.",
    "storage.tf": "What outlives a task.",
    "secrets.tf": "Secrets: their names. Their values are set outside of Terraform.",
}

_FILES: Mapping[type[Any], str] = {
    Cluster: "cluster.tf",
    Namespace: "cluster.tf",
    DnsNamespace: "cluster.tf",
    DiscoveryService: "cluster.tf",
    LogGroup: "cluster.tf",
    Repository: "cluster.tf",
    SecurityGroup: "network.tf",
    IngressRule: "network.tf",
    LoadBalancer: "load_balancer.tf",
    Listener: "load_balancer.tf",
    ListenerRule: "load_balancer.tf",
    TargetGroup: "load_balancer.tf",
    Role: "iam.tf",
    FileSystem: "storage.tf",
    MountTargets: "storage.tf",
    AccessPoint: "storage.tf",
    SecretParameter: "secrets.tf",
    ManagedSecret: "secrets.tf",
    TaskDefinition: "cluster.tf",
    EcsService: "cluster.tf",
    RunTask: "cluster.tf",
    Schedule: "cluster.tf",
    ScalableTarget: "cluster.tf",
    ScalingPolicy: "cluster.tf",
}
"""Where a resource stands that comes from no service of its own; `Account`, `Network` and `Existing` are lookups."""

_SHARED = frozenset({Cluster, Namespace, DnsNamespace, SecurityGroup, FileSystem, MountTargets, AccessPoint,
                     SecretParameter, ManagedSecret, LoadBalancer, Listener})  # fmt: skip
"""Types that stand in their own file although a service may be where they come from."""


class TerraformEmitter:
    """Writes a Terraform root module."""

    name = "terraform"
    summary = "a Terraform root module (AWS provider 5), one file per service"

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render each resource where it belongs, and around them what varies and what is of use.

        Raises:
            EmitError: Something in the stack cannot be said in Terraform.
        """
        files = _Module(stack, settings).files()
        problems = [_decomposed(path) for path, text in files.items() if not is_normalized("NFC", text)]
        if problems and "C2F344" not in settings.allow:
            raise EmitError(problems)
        return files


def _decomposed(path: str) -> Diagnostic:
    """Terraform keeps every text in Unicode's composed form, and has no way to write another."""
    return Diagnostic(
        "C2F344",
        Severity.ERROR,
        f"a text in {path} has letters and their accents as characters of their own, which Terraform puts together",
        hint="write it in Unicode's composed form (NFC), or let Terraform do it: --allow C2F344",
        url="https://developer.hashicorp.com/terraform/language/expressions/types#string",
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - no HTML; values are escaped by `hcl`
        loader=FileSystemLoader(os.path.join(os.path.dirname(__file__), "templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["hcl"] = value_text
    return environment


def _lay_out(name: str, **values: Any) -> str:
    return _templates().get_template(f"{name}.j2").render(**values)


class _Module:
    """One stack on its way to a module: where each resource goes, and what others need of it."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        stack, self._public = with_choice_of_addresses(stack)
        self._stack = stack
        self._settings = settings
        self._graph = Graph(stack)
        self._addresses = Addresses(stack)
        self._network = next((resource for _, resource in stack.of_type(Network)), None)
        self._clusters = [resource for _, resource in stack.of_type(Cluster)]
        self._certificate = next(
            (c.certificate_arn for _, listener in stack.of_type(Listener) for c in listener.certificates),
            None,
        )
        self._scope = Scope(
            stack,
            settings,
            self._addresses,
            self._graph,
            frozenset(self._clusters[0].tags if self._clusters else ()),
            self._certificate,
        )
        self._owners = self._graph.owners()

    def files(self) -> dict[str, str]:
        """Give the files in the order in which they are best read."""
        groups = self._groups()
        outputs = [block_text(block) for block in self._outputs()]
        shared = {name: groups.pop(name, []) for name in TITLES}
        self._add_roles_to_take(shared["iam.tf"])
        self._add_lookups(shared)
        made = {
            "versions.tf": _lay_out("versions.tf"),
            "variables.tf": self._variables(),
            "outputs.tf": _lay_out("resources.tf", title="What the module gives.", blocks=outputs),
        }
        for name, blocks in shared.items():
            lookup = name == "network.tf" and self._network is not None
            if blocks or lookup:
                layout = "network.tf" if lookup else "resources.tf"
                balancer = self._has(LoadBalancer)
                made[name] = _lay_out(layout, title=TITLES[name], blocks=blocks, load_balancer=balancer)
        for name, blocks in sorted(groups.items()):
            made[name] = _lay_out("resources.tf", title=self._titles[name], blocks=blocks)
        return made

    def _groups(self) -> dict[str, list[str]]:
        """Render every resource, and sort them by the file they go to."""
        self._titles: dict[str, str] = {}
        groups: dict[str, list[str]] = {}
        for logical_id, resource in self._stack.resources.items():
            if type(resource) not in _FILES:
                continue  # looked up
            file = self._file(logical_id)
            texts = [block_text(block) for block in render(self._scope, logical_id)]
            source = self._stack.sources.get(logical_id)
            if source and source != self._source_of(file):
                texts[0] = f"# {one_line(source)}\n{texts[0]}"
            groups.setdefault(file, []).extend(texts)
        return groups

    def _source_of(self, file: str) -> str:
        return self._titles.get(file, "").rpartition(": ")[2]

    def _file(self, logical_id: str) -> str:
        kind = type(self._stack.resources[logical_id])
        owner = None if kind in _SHARED else self._owners.get(logical_id)
        if owner is None:
            return _FILES[kind]
        file, source = self._service_files[owner]
        self._titles.setdefault(file, f"{one_line(owner)}: {one_line(source)}" if source else one_line(owner))
        return file

    @property
    def _service_files(self) -> Mapping[str, tuple[str, str]]:
        """Compose service to the file of its resources, and where it stands in the compose file."""
        if not hasattr(self, "_service_files_made"):
            found: dict[str, tuple[str, str]] = {}
            for logical_id, owner in self._owners.items():
                own = self._stack.origins[logical_id] == owner
                if (
                    own
                    and logical_id in self._stack.files
                    and (owner not in found or logical_id.startswith("task-definition/"))
                ):
                    name = f"service_{self._stack.files[logical_id]}.tf"
                    found[owner] = (name, self._stack.sources.get(logical_id, ""))
            self._service_files_made = found
        return self._service_files_made

    # -- what is looked up -----------------------------------------------------------------------------------

    def _add_roles_to_take(self, blocks: list[str]) -> None:
        principals = dict.fromkeys(role.principal for _, role in self._stack.of_type(Role))
        blocks[:0] = [block_text(assume_role(principal)) for principal in principals]

    def _add_lookups(self, shared: Mapping[str, list[str]]) -> None:
        """Put what exists already before what is made from it."""
        lookups: dict[str, list[str]] = {}
        for logical_id, (source, argument, identifier) in self._addresses.lookups.items():
            labels = (source, self._addresses.labels[logical_id])
            block = block_text(Block("data", labels, (Attribute(argument, identifier),)))
            lookups.setdefault(_LOOKUP_FILES.get(self._kind(logical_id), "cluster.tf"), []).append(block)
        for file, texts in lookups.items():
            shared[file][:0] = texts
        head = [
            block_text(Block("data", (source, "current"), ()))
            for attribute, (source, _) in ACCOUNT.items()
            if attribute in self._addresses.account
        ]
        shared["cluster.tf"][:0] = [*head, block_text(self._locals())]

    def _kind(self, logical_id: str) -> str:
        resource = self._stack.resources[logical_id]
        return resource.kind if isinstance(resource, Existing) else ""

    def _locals(self) -> Block:
        tags = {tag.key: tag.value for tag in self._clusters[0].tags} if self._clusters else {}
        both = Call("merge", (tags, Expression("var.tags"))) if tags else Expression("var.tags")
        return Block("locals", (), (Attribute("tags", both),))

    # -- what varies -----------------------------------------------------------------------------------------

    def _variables(self) -> str:
        """Declare what differs between environments, with what this one has as the default."""
        services = self._names(EcsService)
        built = (
            container.image.name
            for _, definition in self._stack.of_type(TaskDefinition)
            for container in definition.container_definitions
            if isinstance(container.image, BuiltImage)
        )
        images = list(dict.fromkeys([*self._names(Repository), *filter(None, built)]))
        return _lay_out(
            "variables.tf",
            network=self._network,
            public=self._public and self._public == "ENABLED",
            load_balancer=self._has(LoadBalancer),
            services=services,
            images=images,
            certificate=self._certificate if isinstance(self._certificate, str) else None,
            logs=self._has(LogGroup),
            retention=self._settings.log_retention,
            retentions=Expression(", ".join(map(str, (0, *LOG_RETENTION_DAYS)))),
        )

    def _has(self, kind: type[Any]) -> bool:
        return any(True for _ in self._stack.of_type(kind))

    def _names(self, kind: type[Any]) -> list[str]:
        return [self._stack.origins.get(i, i.rpartition("/")[2]) for i, _ in self._stack.of_type(kind)]

    # -- what is of use --------------------------------------------------------------------------------------

    def _outputs(self) -> Iterator[Block]:
        for logical_id, _ in self._stack.of_type(Cluster):
            address = self._addresses.address(logical_id)
            yield _output("cluster_name", "Name of the ECS cluster.", Expression(f"{address}.name"))
            yield _output("cluster_arn", "ARN of the ECS cluster.", Expression(f"{address}.arn"))
        for name, description, values in (
            ("urls", "Where the load balancers answer, by port.", self._urls()),
            ("service_arns", "ARN of each ECS service.", self._by_name(EcsService, "id")),
            (
                "task_definition_arns",
                "ARN of each task definition's revision.",
                self._by_name(TaskDefinition, "arn"),
            ),
            (
                "repository_urls",
                "Where the images built here are pushed to.",
                self._by_name(Repository, "repository_url"),
            ),
            ("run_task_commands", "How to run each job.", self._run_task_commands()),
            (
                "set_secret_commands",
                "How to set each secret, from a file with its value.",
                self._secret_commands(),
            ),
            ("file_system_id", "The EFS file system of the named volumes.", self._file_system()),
        ):
            if values:
                yield _output(name, description, values)

    def _by_name(self, kind: type[Any], attribute: str) -> dict[str, Any]:
        return {
            self._stack.origins.get(i, i.rpartition("/")[2]): Expression(
                f"{self._addresses.address(i)}.{attribute}"
            )
            for i, _ in self._stack.of_type(kind)
        }

    def _urls(self) -> dict[str, Any]:
        urls: dict[str, Any] = {}
        for _, listener in self._stack.of_type(Listener):
            if isinstance(listener.load_balancer_arn, Ref):
                protocol = listener.protocol.lower()
                usual = {"http": 80, "https": 443}.get(protocol) == listener.port
                dns = self._addresses.of(listener.load_balancer_arn, "dns")
                url = template([f"{protocol}://", dns, "" if usual else f":{listener.port}"])
                urls[f"{listener.port}/{protocol}"] = url
        return urls

    def _run_task_commands(self) -> dict[str, Any]:
        commands: dict[str, Any] = {}
        for logical_id, _ in self._stack.of_type(RunTask):
            region = self._addresses.account_value("region")
            local = f"local.{run_task_name(self._scope, logical_id)}"
            request = Expression(f"replace(jsonencode({local}), \"'\", \"'\\\\''\")")
            command = template(["aws ecs run-task --region ", region, " --cli-input-json '", request, "'"])
            commands[self._stack.origins.get(logical_id, logical_id)] = command
        return commands

    def _secret_commands(self) -> dict[str, Any]:
        commands: dict[str, Any] = {}
        for kind, call in _SECRET_CALLS.items():
            for logical_id, secret in self._stack.of_type(kind):
                region = self._addresses.account_value("region")
                name = Expression(f"{self._addresses.address(logical_id)}.name")
                commands[secret.name] = template(
                    ["aws ", call[0], " --region ", region, f" {call[1]} ", name, call[2]]
                )
        return commands

    def _file_system(self) -> Expression | None:
        found = [i for i, _ in self._stack.of_type(FileSystem)]
        return Expression(f"{self._addresses.address(found[0])}.id") if found else None


_SECRET_CALLS: Mapping[type[Any], tuple[str, str, str]] = {
    SecretParameter: (
        "ssm put-parameter --overwrite --type SecureString",
        "--name",
        " --value file://value.txt",
    ),
    ManagedSecret: ("secretsmanager put-secret-value", "--secret-id", " --secret-string file://value.txt"),
}

_LOOKUP_FILES = {kind.__name__: file for kind, file in _FILES.items()}


def _output(name: str, description: str, value: Any) -> Block:
    return Block("output", (name,), (Attribute("description", description), Attribute("value", value)))
