"""What the user chose: flags, then environment variables, then `x-fargate` in the compose file, then defaults.

`OPTIONS` is the one table of settings. The command line makes its flags from it, `resolve` reads the
environment and `x-fargate` by it, and the manifest records what deviates from the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.records import NamedTuple


class Settings(NamedTuple):
    """Everything about the target that the compose file itself does not say."""

    region: str = ""
    account: str = ""
    environment: str = ""
    cluster: str = ""
    namespace: str = ""
    registry: str = ""
    tag: str = ""
    lock: str = ""
    images: Mapping[str, str] = {}
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    assign_public_ip: bool | None = None
    execution_role: str = ""
    task_role: str = ""
    scheduler_role: str = ""
    log_retention: int = 30
    file_system: str = ""
    volumes: Mapping[str, str] = {}
    architecture: str = "X86_64"
    files: str = ""
    init_image: str = "public.ecr.aws/docker/library/busybox:stable"
    without: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    vpc: str = ""
    load_balancer_subnets: tuple[str, ...] = ()
    load_balancer: str = ""
    load_balancer_security_group: str = ""
    load_balancer_scheme: str = "internet-facing"
    listener: str = ""
    certificate: str = ""
    networks: Mapping[str, str] = {}
    job_names: str = "init"
    names: str = "service-connect"
    infrastructure_role: str = ""
    capacity: str = ""
    exec: bool = False
    insights: str = ""
    logs: str = ""
    log_router_image: str = "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable"
    platform_version: str = ""
    tags: Mapping[str, str] = {}
    prices: str | Mapping[str, float] = ""
    secret_files: str = ""
    secrets: str = ""
    secrets_store: str = ""
    without_host_tools: bool = False
    shared_images: bool = False
    compose_version: str = ""
    managed: tuple[str, ...] = ()

    @property
    def finds_by_dns(self) -> bool:
        """Whether services find each other in a private DNS namespace, and not by Service Connect."""
        return self.names == "dns"


class Panel:
    """The titles under which `--help` shows options, in this order."""

    PROJECT: Final = "Project"
    OUTPUT: Final = "Output"
    IMAGES: Final = "Images"
    NETWORK: Final = "Network"
    LOAD_BALANCING: Final = "Load balancing"
    STORAGE: Final = "Storage"
    SECRETS: Final = "Secrets"
    SIZES: Final = "Sizes"
    CAPACITY: Final = "Capacity"
    DEPLOYMENT: Final = "Deployment"
    DISPLAY: Final = "Display"


class Option(NamedTuple):
    """One setting.

    `panel` is the title under which `--help` shows it. `kind` is text, flag, switch (a flag with a negative form), integer,
    list, pairs (`NAME=VALUE`, repeatable) or numbers (a file, or a mapping). What is `secret` is not recorded in the
    manifest. What is `of_compose` says how the files are read: its flag is one of Docker Compose's own, which all commands
    have.
    """

    name: str
    flag: str
    panel: str
    kind: str
    metavar: str
    help: str
    variables: tuple[str, ...] = ()
    in_file: bool = True
    choices: tuple[str, ...] = ()
    secret: bool = False
    of_compose: bool = False


OPTIONS: tuple[Option, ...] = (
    Option("region", "--region", Panel.DEPLOYMENT, "text", "REGION", "AWS region.", ("AWS_REGION", "AWS_DEFAULT_REGION")),
    Option("account", "--account", Panel.DEPLOYMENT, "text", "ID", "AWS account id, for image addresses and ARNs."),
    Option(
        "environment", "--environment", Panel.PROJECT, "text", "NAME", "Name of the environment: names become PROJECT-NAME.",
        in_file=False,
    ),
    Option("cluster", "--cluster", Panel.DEPLOYMENT, "text", "NAME", "ECS cluster (default: the project's name)."),
    Option("namespace", "--namespace", Panel.NETWORK, "text", "NAME", "Service Connect namespace (default: the cluster's name)."),
    Option("registry", "--registry", Panel.IMAGES, "text", "URI", "Registry of images built here (default: the account's ECR)."),
    Option("tag", "--tag", Panel.IMAGES, "text", "TAG", "Tag of images built here (default: the lock file's; push: the git commit)."),
    Option(
        "lock", "--lock", Panel.IMAGES, "text", "FILE",
        "Lock file of pushed images (default: compose2fargate.lock beside the compose file, compose2fargate.NAME.lock of an environment).",
        in_file=False,
    ),
    Option(
        "shared_images", "--shared-images", Panel.IMAGES, "flag", "",
        "Keep the images of all environments in the same repositories, PROJECT/SERVICE, with one lock file.",
    ),
    Option("images", "--image", Panel.IMAGES, "pairs", "SERVICE=URI", "Image of one service; repeatable.", in_file=False),
    Option("subnets", "--subnet", Panel.NETWORK, "list", "ID", "Subnet of the tasks; repeatable."),
    Option("security_groups", "--security-group", Panel.NETWORK, "list", "ID", "Security group of the tasks; repeatable."),
    Option(
        "assign_public_ip", "--assign-public-ip", Panel.NETWORK, "switch", "",
        "Give tasks a public address or none (default: only when no subnets are given).",
    ),
    Option("execution_role", "--execution-role", Panel.DEPLOYMENT, "text", "ROLE", "Existing task execution role."),
    Option("task_role", "--task-role", Panel.DEPLOYMENT, "text", "ROLE", "Existing role for the containers."),
    Option("scheduler_role", "--scheduler-role", Panel.DEPLOYMENT, "text", "ROLE", "Existing role for schedules."),
    Option("log_retention", "--log-retention", Panel.DEPLOYMENT, "integer", "DAYS", "Days that logs are kept (default: 30)."),
    Option("file_system", "--file-system", Panel.STORAGE, "text", "ID", "EFS file system of the named volumes."),
    Option(
        "volumes", "--volume", Panel.STORAGE, "pairs", "NAME=FS[/AP]", "EFS file system and access point of one volume; repeatable.",
        in_file=False,
    ),
    Option(
        "managed", "--managed", Panel.STORAGE, "list", "SERVICE",
        "Let RDS or ElastiCache run this database or cache in place of a container; auto: all that are known; repeatable.",
    ),
    Option(
        "files", "--files", Panel.STORAGE, "text", "HOW",
        "How configs and mounted files get into a container: in a derived image (image, the default), by an init container, or not (none).",
        choices=("image", "init", "none"),
    ),
    Option(
        "secret_files", "--secret-files", Panel.SECRETS, "text", "HOW", "init: an init container writes the files of secrets.",
        choices=("init", "none"),
    ),
    Option(
        "secrets", "--secrets", Panel.SECRETS, "text", "HOW", "auto: variables that look like credentials become SSM parameters.",
        choices=("auto",),
    ),
    Option(
        "secrets_store", "--secrets-store", Panel.SECRETS, "text", "STORE", "Where secrets are kept: ssm (the default) or secretsmanager.",
        choices=("ssm", "secretsmanager"),
    ),
    Option(
        "init_image", "--init-image", Panel.STORAGE, "text", "IMAGE",
        "Image of that init container (default: busybox from ECR Public).",
    ),
    Option(
        "architecture", "--architecture", Panel.IMAGES, "text", "ARCH", "Processor where `platform` is not set (default: X86_64).",
        choices=("X86_64", "ARM64"),
    ),
    Option("vpc", "--vpc", Panel.NETWORK, "text", "ID", "VPC (default: that of the subnets, or the account's default VPC)."),
    Option(
        "load_balancer_subnets", "--load-balancer-subnet", Panel.LOAD_BALANCING, "list", "ID",
        "Subnet of the load balancers (default: those of the tasks); repeatable.",
    ),
    Option(
        "load_balancer", "--load-balancer", Panel.LOAD_BALANCING, "text", "ARN",
        "Existing application load balancer to use; none keeps every port inside the VPC.",
    ),
    Option(
        "load_balancer_security_group", "--load-balancer-security-group", Panel.LOAD_BALANCING, "text", "ID",
        "Security group of the existing load balancer, from which tasks accept traffic.",
    ),
    Option(
        "load_balancer_scheme", "--load-balancer-scheme", Panel.LOAD_BALANCING, "text", "SCHEME",
        "internet-facing or internal (default: internet-facing).", choices=("internet-facing", "internal"),
    ),
    Option(
        "listener", "--listener", Panel.LOAD_BALANCING, "text", "ARN",
        "Existing listener to add rules to, instead of a load balancer.",
    ),
    Option("certificate", "--certificate", Panel.LOAD_BALANCING, "text", "ARN", "ACM certificate: HTTP ports are served as HTTPS."),
    Option(
        "networks", "--network", Panel.NETWORK, "pairs", "NAME=SG",
        "Existing security group that stands for a compose network; repeatable.",
    ),
    Option(
        "job_names", "--job-names", Panel.NETWORK, "text", "HOW",
        "How jobs find services by name: an init container sets the search domain (init, the default), or none.",
        choices=("init", "none"),
    ),
    Option(
        "names", "--names", Panel.NETWORK, "text", "HOW",
        "How services find each other: service-connect (the default), or dns: a private DNS namespace, with all ports open.",
        choices=("service-connect", "dns"),
    ),
    Option(
        "infrastructure_role", "--infrastructure-role", Panel.STORAGE, "text", "ROLE",
        "Existing role with which ECS manages EBS volumes.",
    ),
    Option("capacity", "--capacity", Panel.CAPACITY, "text", "HOW", "What tasks run on: on-demand or spot.", choices=("on-demand", "spot")),
    Option("exec", "--exec", Panel.DEPLOYMENT, "flag", "", "Let ECS Exec open a shell in the containers."),
    Option(
        "insights", "--insights", Panel.DEPLOYMENT, "text", "HOW", "Container Insights of the cluster: enabled, enhanced or disabled.",
        choices=("enabled", "enhanced", "disabled"),
    ),
    Option(
        "logs", "--logs", Panel.DEPLOYMENT, "text", "HOW",
        "awslogs: CloudWatch Logs instead of fluentd, gelf and syslog (default: firelens).",
        choices=("awslogs", "firelens"),
    ),
    Option(
        "log_router_image", "--log-router-image", Panel.DEPLOYMENT, "text", "IMAGE",
        "Image of the FireLens log router (default: AWS for Fluent Bit).",
    ),
    Option("platform_version", "--platform-version", Panel.CAPACITY, "text", "VERSION", "Fargate platform version (default: LATEST)."),
    Option("tags", "--resource-tag", Panel.DEPLOYMENT, "pairs", "KEY=VALUE", "Tag of everything that is made; repeatable."),
    Option("prices", "--prices", Panel.SIZES, "numbers", "FILE", "JSON file with prices in place of the built-in table."),
    Option("without", "--without", Panel.PROJECT, "list", "SERVICE", "Leave a service out; repeatable.", in_file=False),
    Option(
        "without_host_tools", "--without-host-tools", Panel.PROJECT, "flag", "",
        "Leave out services that are there for the Docker host: proxies and monitors that read its socket, and the like.",
    ),
    Option(
        "compose_version", "--compose-version", Panel.PROJECT, "text", "VERSION",
        "Release of Docker Compose that the files are read as: 5.5 (the default) or 2.40.",
        choices=("5.5", "2.40"), of_compose=True,
    ),
    Option("allow", "--allow", Panel.OUTPUT, "list", "CODE", "Go on without what CODE refuses; repeatable.", in_file=False),
)  # fmt: skip


def from_flags_and_environment(flags: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Collect what was chosen outside the compose file, by option name; flags win.

    Args:
        flags: Values from the command line by option name; None, False, () and {} mean "not given".
        environment: The process environment; besides AWS's own variables, `COMPOSE2FARGATE_<NAME>`.

    Raises:
        UsageError: A value does not have the form that the option needs.
    """
    given = {option.name: _given(option, flags, environment) for option in OPTIONS}
    return {
        option.name: _convert(option, _of_kind(option, value))
        for option in OPTIONS
        if (value := given[option.name]) is not None
    }


def _given(option: Option, flags: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    """What a flag or else the environment says; only a switch can be turned off by a flag."""
    flag = flags.get(option.name)
    if flag or (flag is False and option.kind == "switch"):
        return flag
    return _from_environment(option, environment)


def resolve(given: Mapping[str, Any], in_file: Mapping[str, Any]) -> Settings:
    """Combine what `from_flags_and_environment` gave with the compose file's top-level `x-fargate`.

    Args:
        given: Chosen outside the file; wins.
        in_file: The `x-fargate` mapping, already checked against its schema.
    """
    options = {option.name: option for option in OPTIONS}
    own = {
        name: _convert(options[name], value)
        for name, value in in_file.items()
        if value is not None and name in options
    }
    return Settings(**{**own, **given})


def _from_environment(option: Option, environment: Mapping[str, str]) -> str | None:
    for name in (f"COMPOSE2FARGATE_{option.name.upper()}", *option.variables):
        if environment.get(name):
            return environment[name]
    return None


def _of_kind(option: Option, value: Any) -> Any:
    """Give a value back: a flag, a variable or a manifest that anybody wrote gave it.

    Raises:
        UsageError: It is of another type than the option's.
    """
    if isinstance(value, Mapping):
        kinds: tuple[type, ...] = (int, float) if option.kind == "numbers" else (str,)
        legal = option.kind in ("pairs", "numbers") and all(
            isinstance(key, str) and isinstance(item, kinds) for key, item in value.items()
        )
    elif isinstance(value, (list, tuple)):
        legal = option.kind in ("list", "pairs") and all(isinstance(item, str) for item in value)
    else:
        legal = isinstance(value, str) or option.kind not in ("list", "pairs", "numbers")
    if not legal:
        raise _refused(option, value, option.metavar or option.kind)
    return value


def _convert(option: Option, value: Any) -> Any:
    if option.kind == "list":
        return tuple(value.split(",")) if isinstance(value, str) else tuple(map(str, value))
    if option.kind == "pairs":
        items = value.split(",") if isinstance(value, str) else value
        return value if isinstance(value, Mapping) else dict(_pair(option, item) for item in items)
    if option.kind in ("flag", "switch"):
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes")
    if option.kind == "integer":
        return _integer(option, value)
    if option.kind == "numbers" and isinstance(value, Mapping):
        return {str(name): float(number) for name, number in value.items()}
    if option.choices and str(value) not in option.choices:
        raise _refused(option, value, f"one of {', '.join(option.choices)}")
    return str(value)


def _pair(option: Option, item: str) -> tuple[str, str]:
    name, separator, value = item.partition("=")
    if not (name and separator and value):
        raise _refused(option, item, option.metavar)
    return name, value


def _integer(option: Option, value: Any) -> int:
    try:
        return int(value)
    except (ValueError, OverflowError):
        raise _refused(option, value, "a whole number") from None


def _refused(option: Option, value: Any, expected: str) -> UsageError:
    return UsageError(
        Diagnostic(
            "C2F195",
            Severity.ERROR,
            f"{option.flag}: {value!r} is not {expected}",
            hint=f"{option.flag} {option.metavar}",
        )
    )
