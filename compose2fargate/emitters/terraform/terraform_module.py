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

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.fargate import LOG_RETENTION_DAYS, SIZES
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
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import (
    STORE_TYPES,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbSubnetGroup,
)
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters.emitter import Artifacts
from compose2fargate.emitters.resource_graph import (
    ResourceGraph,
    one_line,
    with_choice_of_addresses,
    with_inputs_looked_up,
)
from compose2fargate.emitters.secret_commands import set_command
from compose2fargate.emitters.terraform.committed_credentials import committed_credentials
from compose2fargate.emitters.terraform.hcl import (
    HclAttribute,
    HclBlock,
    HclCall,
    HclExpression,
    block_text,
    template_text,
    value_text,
)
from compose2fargate.emitters.terraform.terraform_access import assume_roles, trust_labels
from compose2fargate.emitters.terraform.terraform_blocks import RenderScope
from compose2fargate.emitters.terraform.terraform_ecs import JOB_SCRIPT, run_task_name, task_name
from compose2fargate.emitters.terraform.terraform_inputs import image_checks, password_sources, secret_checks
from compose2fargate.emitters.terraform.terraform_names import ACCOUNT, TerraformAddresses
from compose2fargate.emitters.terraform.terraform_resources import render_resource
from compose2fargate.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Environment

TITLES: Mapping[str, str] = {
    "cluster.tf": "The cluster, and the names by which services find each other.",
    "images.tf": "Images that are built here. Their repositories are made before, where the images are pushed.",
    "network.tf": "Where everything is placed, and what may reach what.",
    "load_balancer.tf": "What the outside reaches.",
    "iam.tf": "What ECS and the schedules may do.",
    "storage.tf": "What outlives a task.",
    "stores.tf": "Where databases and caches are placed.",
    "secrets.tf": "Secrets that have to exist, with their values: Terraform sees none of them.",
}

_FILES: Mapping[type[Any], str] = {
    Cluster: "cluster.tf",
    Namespace: "cluster.tf",
    DnsNamespace: "cluster.tf",
    DiscoveryService: "cluster.tf",
    LogGroup: "cluster.tf",
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
    TaskDefinition: "cluster.tf",
    EcsService: "cluster.tf",
    RunTask: "cluster.tf",
    Schedule: "cluster.tf",
    ScalableTarget: "cluster.tf",
    ScalingPolicy: "cluster.tf",
    **dict.fromkeys(STORE_TYPES, "stores.tf"),
}
"""Where a resource stands that comes from no service of its own; `AccountIdentity`, `VpcNetwork` and `Existing` are lookups."""

_SHARED = frozenset({Cluster, Namespace, DnsNamespace, SecurityGroup, FileSystem, MountTargets, AccessPoint,
                     LoadBalancer, Listener, DbSubnetGroup, CacheSubnetGroup})  # fmt: skip
"""Types that stand in their own file although a service may be where they come from."""


class TerraformEmitter:
    """Writes a Terraform root module."""

    name = "terraform"
    summary = "a Terraform root module (AWS provider 5 and 6), one file per service"

    def notes(self, artifacts: Artifacts, settings: Settings) -> Iterator[Diagnostic]:  # noqa: ARG002 - the shape of every emitter
        """Say what should not be committed as it is."""
        return committed_credentials(artifacts)

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
        self._inputs = stack
        stack, self._public = with_choice_of_addresses(with_inputs_looked_up(stack))
        self._stack = stack
        self._settings = settings
        self._graph = ResourceGraph(stack)
        self._addresses = TerraformAddresses(stack)
        self._network = next((resource for _, resource in stack.of_type(VpcNetwork)), None)
        self._clusters = [resource for _, resource in stack.of_type(Cluster)]
        self._certificate = next(
            (c.certificate_arn for _, listener in stack.of_type(Listener) for c in listener.certificates),
            None,
        )
        self._scope = RenderScope(
            stack,
            settings,
            self._addresses,
            self._graph,
            frozenset(self._clusters[0].tags if self._clusters else ()),
            self._certificate,
            trust_labels(stack),
        )
        self._owners = self._graph.owners()

    def files(self) -> dict[str, str]:
        """Give the files in the order in which they are best read."""
        groups = self._groups()
        outputs = [block_text(block) for block in self._outputs()]
        shared = {name: groups.pop(name, []) for name in TITLES}
        self._add_roles_to_take(shared["iam.tf"])
        checks = [block_text(block) for block in image_checks(self._stack, self._addresses)]
        shared["images.tf"] += checks
        shared["secrets.tf"] += [block_text(b) for b in secret_checks(self._inputs, self._addresses)]
        shared["secrets.tf"] += [block_text(b) for b in password_sources(self._inputs, self._addresses)]
        self._add_lookups(shared)
        made = {
            ".gitignore": _lay_out("gitignore"),
            "README.md": self._readme(images=bool(checks), secrets=bool(shared["secrets.tf"])),
            "versions.tf": _lay_out("versions.tf"),
            "variables.tf": self._variables(),
            "outputs.tf": _lay_out("resources.tf", title="What the module gives.", blocks=outputs),
        }
        for name, blocks in shared.items():
            lookup = name == "network.tf" and self._network is not None
            if blocks or lookup:
                layout = "network.tf" if lookup else "resources.tf"
                balancer = self._has(LoadBalancer)
                made[name] = _lay_out(
                    layout, title=TITLES[name], blocks=blocks, load_balancer=balancer, public=self._public
                )
        if self._graph.jobs:
            made[JOB_SCRIPT] = _lay_out(JOB_SCRIPT)
        for name, blocks in sorted(groups.items()):
            made[name] = _lay_out("resources.tf", title=self._titles[name], blocks=blocks)
        return made

    def _readme(self, *, images: bool, secrets: bool) -> str:
        balancer = self._has(LoadBalancer) or bool(self._existing(Listener))
        name = one_line(self._stack.name)
        return _lay_out("README.md", stack=name, images=images, secrets=secrets, balancer=balancer)

    def _groups(self) -> dict[str, list[str]]:
        """Render every resource, and sort them by the file they go to."""
        self._titles: dict[str, str] = {}
        groups: dict[str, list[str]] = {}
        for logical_id, resource in self._stack.resources.items():
            if type(resource) not in _FILES:
                continue  # looked up
            file = self._file(logical_id)
            texts = [block_text(block) for block in render_resource(self._scope, logical_id)]
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
        blocks[:0] = [block_text(block) for block in assume_roles(self._scope)]

    def _add_lookups(self, shared: Mapping[str, list[str]]) -> None:
        """Put what exists already before what is made from it."""
        lookups: dict[str, list[str]] = {}
        for logical_id, (source, argument, identifier) in self._addresses.lookups.items():
            labels = (source, self._addresses.labels[logical_id])
            block = block_text(HclBlock("data", labels, (HclAttribute(argument, identifier),)))
            lookups.setdefault(_LOOKUP_FILES.get(self._kind(logical_id), "cluster.tf"), []).append(block)
        for file, texts in lookups.items():
            shared[file][:0] = texts
        head = [
            block_text(HclBlock("data", (source, "current"), ()))
            for attribute, (source, _) in ACCOUNT.items()
            if attribute in self._addresses.account
        ]
        shared["cluster.tf"][:0] = [*head, block_text(self._locals())]

    def _kind(self, logical_id: str) -> str:
        resource = self._stack.resources[logical_id]
        return resource.kind if isinstance(resource, Existing) else ""

    def _locals(self) -> HclBlock:
        tags = {tag.key: tag.value for tag in self._clusters[0].tags} if self._clusters else {}
        both = HclCall("merge", (tags, HclExpression("var.tags"))) if tags else HclExpression("var.tags")
        return HclBlock("locals", (), (HclAttribute("tags", both),))

    # -- what varies -----------------------------------------------------------------------------------------

    def _variables(self) -> str:
        """Declare what differs between environments, with what this one has as the default."""
        services = self._names(EcsService)
        images = list(dict.fromkeys(image.name for image in self._stack.built_images()))
        return _lay_out(
            "variables.tf",
            network=self._network,
            public=self._public and self._public == "ENABLED",
            load_balancer=self._has(LoadBalancer),
            services=services,
            images=images,
            tasks=list(
                dict.fromkeys(task_name(self._stack, i) for i, _ in self._stack.of_type(TaskDefinition))
            ),
            sizes=_SIZES,
            listener=self._existing(Listener),
            existing_balancer=self._existing(LoadBalancer),
            balancer_group=self._balancer_group(),
            jobs=bool(self._graph.jobs),
            certificate=self._certificate if isinstance(self._certificate, str) else None,
            logs=self._has(LogGroup),
            retention=self._settings.log_retention,
            retentions=HclExpression(", ".join(map(str, (0, *LOG_RETENTION_DAYS)))),
        )

    def _existing(self, kind: type[Any]) -> str:
        """Give the ARN of what exists in place of a resource; "" where the module makes its own."""
        names = (e.identifier for _, e in self._stack.of_type(Existing) if e.kind == kind.__name__)
        return next((name for name in names if name.startswith("arn:")), "")

    def _balancer_group(self) -> str:
        """Give the security group of the load balancer that exists, where a rule lets it in."""
        group = self._settings.load_balancer_security_group
        return (
            group
            if any(rule.source_group_id == group for _, rule in self._stack.of_type(IngressRule))
            else ""
        )

    def _has(self, kind: type[Any]) -> bool:
        return any(True for _ in self._stack.of_type(kind))

    def _names(self, kind: type[Any]) -> list[str]:
        return [self._stack.origins.get(i, i.rpartition("/")[2]) for i, _ in self._stack.of_type(kind)]

    # -- what is of use --------------------------------------------------------------------------------------

    def _outputs(self) -> Iterator[HclBlock]:
        for logical_id, _ in self._stack.of_type(Cluster):
            address = self._addresses.address(logical_id)
            yield _output("cluster_name", "Name of the ECS cluster.", HclExpression(f"{address}.name"))
            yield _output("cluster_arn", "ARN of the ECS cluster.", HclExpression(f"{address}.arn"))
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
                self._repository_urls(),
            ),
            ("run_task_commands", "How to run each job.", self._run_task_commands()),
            (
                "set_secret_commands",
                "How to give each secret another value, from a file with it.",
                self._secret_commands(),
            ),
            ("store_endpoints", "What AWS calls each database and cache.", self._endpoints()),
            ("file_system_id", "The EFS file system of the named volumes.", self._file_system()),
        ):
            if values:
                yield _output(name, description, values)

    def _by_name(self, kind: type[Any], attribute: str) -> dict[str, Any]:
        return {
            self._stack.origins.get(i, i.rpartition("/")[2]): HclExpression(
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
                url = template_text([f"{protocol}://", dns, "" if usual else f":{listener.port}"])
                urls[f"{listener.port}/{protocol}"] = url
        return urls

    def _run_task_commands(self) -> dict[str, Any]:
        commands: dict[str, Any] = {}
        for logical_id, _ in self._stack.of_type(RunTask):
            region = self._addresses.account_value("region")
            local = f"local.{run_task_name(self._scope, logical_id)}"
            request = HclExpression(f"replace(jsonencode({local}), \"'\", \"'\\\\''\")")
            command = template_text(
                ["aws ecs run-task --region ", region, " --cli-input-json '", request, "'"]
            )
            commands[self._stack.origins.get(logical_id, logical_id)] = command
        return commands

    def _repository_urls(self) -> dict[str, Any]:
        return {
            self._stack.origins.get(i, i.rpartition("/")[2]): self._addresses.resolve(Ref(i, "uri"))
            for i, _ in self._inputs.of_type(Repository)
        }

    def _secret_commands(self) -> dict[str, Any]:
        commands: dict[str, Any] = {}
        for secret in self._inputs.resources.values():
            if isinstance(secret, SecretParameter | ManagedSecret):
                program, call = set_command(secret, overwrite=True).split(" ", 1)
                region = self._addresses.account_value("region")
                commands[secret.name] = template_text([f"{program} --region ", region, f" {call}"])
        return commands

    def _endpoints(self) -> dict[str, Any]:
        return {
            self._stack.origins[i]: self._addresses.resolve(Ref(i, "endpoint"))
            for kind in (DbInstance, CacheReplicationGroup)
            for i, _ in self._stack.of_type(kind)
        }

    def _file_system(self) -> HclExpression | None:
        found = [i for i, _ in self._stack.of_type(FileSystem)]
        return HclExpression(f"{self._addresses.address(found[0])}.id") if found else None


def _memories(sizes: tuple[int, ...]) -> Any:
    first, last, step = sizes[0], sizes[-1], sizes[1] - sizes[0]
    even = sizes == tuple(range(first, last + 1, step))
    return HclCall("range", (first, last + 1, step)) if even and len(sizes) > _FEW else list(sizes)


_FEW = 4
_SIZES = {str(cpu): _memories(memories) for cpu, memories in SIZES}

_LOOKUP_FILES = {
    **{kind.__name__: file for kind, file in _FILES.items()},
    "Repository": "images.tf",
    "ManagedSecret": "secrets.tf",
}


def _output(name: str, description: str, value: Any) -> HclBlock:
    return HclBlock(
        "output", (name,), (HclAttribute("description", description), HclAttribute("value", value))
    )
