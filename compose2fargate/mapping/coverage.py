"""What becomes of every key of a compose file: the table, and the accounting that uses it.

A row stands for its key and everything below it, unless a longer row says more. A row whose outcome
depends on the value has a rule in `DECIDED`. The rows that the mapping modules carry out have no message
here: those modules report the particulars themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from compose2fargate.aws.fargate import API, CONTAINER_URL, DOCS
from compose2fargate.compose.source import Marks
from compose2fargate.diagnostics import Diagnostic, Location, Path, Severity


class Outcome(str, Enum):
    """What happens to a key on Fargate."""

    MAPPED = "mapped"
    APPROXIMATED = "approximated"
    IGNORED = "ignored"
    REFUSED = "refused"


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        outcome: What happens to the key.
        what: One sentence on what happens on Fargate, without the key's name.
        hint: What to do about it; empty when there is nothing to do.
        severity: None when nothing needs to be said, or when the mapping says it better itself.
        code: The diagnostic's code.
        url: Where it is documented.
    """

    outcome: Outcome
    what: str
    hint: str = ""
    severity: Severity | None = None
    code: str = ""
    url: str = ""


class Accounted(NamedTuple):
    """One key of the user's files, and what became of it."""

    path: Path
    location: Location | None
    row: Row


def _mapped(what: str) -> Row:
    return Row(Outcome.MAPPED, what)


def _near(what: str, hint: str = "", *, say: Severity | None = None, url: str = "") -> Row:
    return Row(Outcome.APPROXIMATED, what, hint, say, "C2F202", url)


def _harmless(what: str, hint: str = "", url: str = "") -> Row:
    return Row(Outcome.IGNORED, what, hint, Severity.INFO, "C2F200", url)


def _lost(what: str, hint: str, url: str = CONTAINER_URL) -> Row:
    return Row(Outcome.IGNORED, what, hint, Severity.WARNING, "C2F201", url)


def _refused(code: str, what: str, hint: str, url: str = CONTAINER_URL) -> Row:
    return Row(Outcome.REFUSED, what, hint, Severity.ERROR, code, url)


_SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
_ELSEWHERE = "run this service on ECS with EC2 or Managed Instances"

ROWS: Mapping[str, Row] = {
    "name": _mapped("prefix of the names of cluster, task definitions and log groups"),
    "version": _harmless("obsolete in compose itself"),
    "include": _mapped("resolved when the files are read"),
    "services": _mapped("a task definition for each service, and an ECS service or a job around it"),
    "services.*": _mapped("a task definition, and an ECS service or a job around it"),
    "services.*.annotations": _harmless("metadata for the container runtime, which Fargate does not pass on"),
    "services.*.attach": _harmless("concerns the output of docker compose up"),
    "services.*.blkio_config": _lost("Fargate has no block I/O weights or limits", "remove it"),
    "services.*.build": _mapped(
        "the image's address in ECR; the Dockerfile supplies command, ports and health check"
    ),
    "services.*.build.additional_contexts": _mapped(
        "told to the builder by `push`; `service:NAME` is the image that was pushed"
    ),
    "services.*.build.args": _mapped("used to read the Dockerfile, and told to the builder by `push`"),
    "services.*.build.context": _mapped("where the Dockerfile is"),
    "services.*.build.dockerfile": _mapped("the Dockerfile that is read"),
    "services.*.build.dockerfile_inline": _mapped("the Dockerfile that is read"),
    "services.*.build.target": _mapped("the stage that is read"),
    "services.*.build.cache_from": _mapped("told to the builder by `push`"),
    "services.*.build.cache_to": _mapped("told to the builder by `push`"),
    "services.*.build.entitlements": _mapped("told to the builder by `push`, which is docker with buildx"),
    "services.*.build.extra_hosts": _mapped("told to the builder by `push`"),
    "services.*.build.labels": _mapped("told to the builder by `push`"),
    "services.*.build.network": _mapped("told to the builder by `push`"),
    "services.*.build.no_cache": _mapped(
        "told to the builder by `push`, which then builds whatever has changed or not"
    ),
    "services.*.build.platforms": _mapped(
        "the image is built for what the task runs on, which has to be among them"
    ),
    "services.*.build.privileged": _mapped("told to the builder by `push`, which is docker with buildx"),
    "services.*.build.provenance": _mapped("told to the builder by `push`; none when absent"),
    "services.*.build.pull": _mapped(
        "told to the builder by `push`, which then builds whatever has changed or not"
    ),
    "services.*.build.sbom": _mapped("told to the builder by `push`"),
    "services.*.build.secrets": _mapped("given to the builder by `push`, in files that only it can read"),
    "services.*.build.shm_size": _mapped("told to the builder by `push`"),
    "services.*.build.ssh": _mapped("told to the builder by `push`"),
    "services.*.build.tags": _mapped("pushed under these names, too"),
    "services.*.build.ulimits": _mapped("told to the builder by `push`"),
    "services.*.cap_add": _mapped(
        "linuxParameters.capabilities.add; SYS_PTRACE is the only one Fargate adds"
    ),
    "services.*.cap_drop": _mapped("linuxParameters.capabilities.drop"),
    "services.*.cgroup": _harmless("every Fargate task has control groups of its own"),
    "services.*.cgroup_parent": _lost("Fargate has no field for it", "remove it"),
    "services.*.command": _mapped("command, as an argument array"),
    "services.*.configs": _near(
        "a file in an image derived from the service's own, or written by an init container"
    ),
    "services.*.container_name": _near("the container's name inside its task, and a Service Connect name"),
    "services.*.cpu_count": _lost("counts processors on Windows only", "write cpus: instead"),
    "services.*.cpu_percent": _lost("means something on Windows only", "write cpus: instead"),
    "services.*.cpu_period": _mapped("with cpu_quota, the number of CPUs that decides the task's size"),
    "services.*.cpu_quota": _mapped("with cpu_period, the number of CPUs that decides the task's size"),
    "services.*.cpu_rt_period": _lost("Fargate has no real-time scheduling", "remove it"),
    "services.*.cpu_rt_runtime": _lost("Fargate has no real-time scheduling", "remove it"),
    "services.*.cpu_shares": _harmless(
        "weighs containers of one host; here each container has its task to itself"
    ),
    "services.*.cpus": _mapped("the task's size, and the container's cpu"),
    "services.*.cpuset": _lost("a task cannot be pinned to processors", "remove it"),
    "services.*.credential_spec": _refused(
        "C2F204", "Windows credential specifications do not work on Fargate", _ELSEWHERE
    ),
    "services.*.depends_on": _near(
        "dependsOn inside a task; between services the order in which they are created"
    ),
    "services.*.deploy": _mapped("the keys below it say what becomes of each"),
    "services.*.deploy.endpoint_mode": _near(
        "vip is Service Connect, which balances in the client; dnsrr is also a private DNS name with every task's address",
        url=f"{DOCS}/service-discovery.html",
    ),
    "services.*.deploy.labels": _mapped("tags of the ECS service and its tasks"),
    "services.*.deploy.mode": _mapped(
        "replicated is an ECS service, and so is global, with one task, since Fargate has "
        "no nodes; replicated-job and global-job are a task to run"
    ),
    "services.*.deploy.placement": _mapped("the keys below it say what becomes of each"),
    "services.*.deploy.placement.constraints": _near(
        "node.platform.arch is runtimePlatform.cpuArchitecture; Fargate has no nodes to choose by anything else"
    ),
    "services.*.deploy.placement.max_replicas_per_node": _harmless(
        "each Fargate task has a machine of its own"
    ),
    "services.*.deploy.placement.preferences": _harmless(
        "Fargate spreads tasks over the subnets' zones itself"
    ),
    "services.*.deploy.replicas": _mapped("desiredCount"),
    "services.*.deploy.resources": _mapped("the task's size"),
    "services.*.deploy.resources.limits": _mapped("the task's size"),
    "services.*.deploy.resources.limits.cpus": _mapped("the task's size, and the container's cpu"),
    "services.*.deploy.resources.limits.memory": _mapped("the container's memory, and the task's size"),
    "services.*.deploy.resources.limits.pids": _lost("Fargate has no limit on processes", "remove it"),
    "services.*.deploy.resources.reservations": _mapped("the task's size"),
    "services.*.deploy.resources.reservations.cpus": _mapped("the task's size"),
    "services.*.deploy.resources.reservations.devices": _refused(
        "C2F205", "Fargate has no GPUs or other devices", _ELSEWHERE
    ),
    "services.*.deploy.resources.reservations.generic_resources": _refused(
        "C2F205", "Fargate has no GPUs or other devices", _ELSEWHERE
    ),
    "services.*.deploy.resources.reservations.memory": _mapped("memoryReservation, and the task's size"),
    "services.*.deploy.restart_policy": _near("an ECS service replaces every task that ends"),
    "services.*.deploy.restart_policy.condition": _near("an ECS service replaces every task that ends"),
    "services.*.deploy.restart_policy.delay": _harmless(
        "ECS slows down restarts of a failing task by itself"
    ),
    "services.*.deploy.restart_policy.max_attempts": _lost(
        "ECS goes on replacing tasks; the deployment circuit breaker is the nearest",
        "remove it",
        f"{DOCS}/ecs_services.html",
    ),
    "services.*.deploy.restart_policy.window": _mapped(
        "restartPolicy.restartAttemptPeriod, 60 to 1800 seconds"
    ),
    "services.*.deploy.rollback_config": _harmless("a rollback uses the same percentages as an update"),
    "services.*.deploy.update_config": _mapped(
        "minimum and maximum percent, and the deployment circuit breaker"
    ),
    "services.*.deploy.update_config.delay": _harmless(
        "a rolling update has no pause between batches; linear deployments of ECS have one (stepBakeTimeInMinutes)",
        url=f"{API}/API_LinearConfiguration.html",
    ),
    "services.*.deploy.update_config.failure_action": _mapped(
        "the deployment circuit breaker, with rollback or without"
    ),
    "services.*.deploy.update_config.max_failure_ratio": _harmless(
        "the circuit breaker has a threshold of its own: half of the tasks that are wanted, at least 3 and at most 200",
        url=f"{DOCS}/deployment-circuit-breaker.html",
    ),
    "services.*.deploy.update_config.monitor": _harmless("ECS watches each task until it is healthy"),
    "services.*.deploy.update_config.order": _mapped("minimum and maximum percent"),
    "services.*.deploy.update_config.parallelism": _mapped("minimum and maximum percent"),
    "services.*.develop": _harmless("concerns docker compose watch"),
    "services.*.device_cgroup_rules": _refused("C2F205", "Fargate has no devices", _ELSEWHERE),
    "services.*.devices": _refused("C2F205", "Fargate has no devices", _ELSEWHERE),
    "services.*.dns": _lost(
        "a task's name servers are the VPC's",
        "set them in the VPC's DHCP options, or use Route 53 Resolver rules",
    ),
    "services.*.dns_opt": _lost(
        "a task's resolver options cannot be set",
        "set RES_OPTIONS in environment, which glibc reads, or remove it",
    ),
    "services.*.dns_search": _lost(
        "a task's search domains are the VPC's", "use full names, or set the domain in the VPC's DHCP options"
    ),
    "services.*.domainname": _lost(
        "the VPC names a task's host", "remove it, or pass the name as an environment variable"
    ),
    "services.*.entrypoint": _mapped("entryPoint, as an argument array"),
    "services.*.env_file": _mapped("read now; its variables stand in the container's environment"),
    "services.*.environment": _mapped("variables of the container"),
    "services.*.expose": _mapped(
        "portMappings, a Service Connect name, and a rule among the members of its networks"
    ),
    "services.*.extends": _mapped("resolved when the files are read"),
    "services.*.external_links": _lost(
        "containers of another project are not known by name here",
        "let both projects use one namespace: --namespace NAME, and one security group: --network NAME=sg-…",
        f"{DOCS}/service-connect-concepts.html",
    ),
    "services.*.extra_hosts": _lost(
        "a task's /etc/hosts cannot be extended", "add the name to a Route 53 private zone of the VPC"
    ),
    "services.*.gpus": _refused("C2F205", "Fargate has no GPUs", _ELSEWHERE),
    "services.*.group_add": _lost(
        "a container cannot get further groups", "set user: uid:gid, or add the group in the image"
    ),
    "services.*.healthcheck": _mapped(
        "healthCheck, with Docker's defaults; interval 5 to 300 seconds, timeout 2 to 60, retries 1 to 10, start_period up to 300"
    ),
    "services.*.healthcheck.start_interval": _harmless("ECS checks at the same interval from the start"),
    "services.*.hostname": _lost(
        "the VPC names a task's host", "remove it, or pass the name as an environment variable"
    ),
    "services.*.image": _mapped("the container's image"),
    "services.*.init": _mapped("linuxParameters.initProcessEnabled"),
    "services.*.ipc": _refused("C2F206", "Fargate containers do not share IPC namespaces", _ELSEWHERE),
    "services.*.isolation": _harmless("every Fargate task is isolated by a virtual machine of its own"),
    "services.*.label_file": _mapped("dockerLabels"),
    "services.*.labels": _mapped("dockerLabels"),
    "services.*.links": _near("a Service Connect name that every service of the project knows"),
    "services.*.logging": _mapped("logConfiguration"),
    "services.*.logging.driver": _mapped(
        "logConfiguration.logDriver: CloudWatch Logs for json-file, local, journald and awslogs; Splunk; "
        "a FireLens router for fluentd, gelf and syslog; nothing for none"
    ),
    "services.*.logging.options": _mapped(
        "logConfiguration.options, as far as the driver on Fargate has them"
    ),
    "services.*.mac_address": _lost("a task's network interface has an address of AWS's choice", "remove it"),
    "services.*.mem_limit": _mapped("the container's memory, and the task's size"),
    "services.*.mem_reservation": _mapped("memoryReservation, and the task's size"),
    "services.*.mem_swappiness": _harmless("Fargate has no swap"),
    "services.*.memswap_limit": _harmless("Fargate has no swap"),
    "services.*.models": _refused(
        "C2F207",
        "Fargate runs no models for a service",
        "call Amazon Bedrock or an endpoint of yours, and remove models",
    ),
    "services.*.network_mode": _mapped(
        "service:NAME is the task of that service, whose address the container shares; "
        "bridge and host are the task's own address; none is refused"
    ),
    "services.*.networks": _mapped("the security groups of the task, one for each network"),
    "services.*.networks.*.aliases": _near("a Service Connect name that every service of the project knows"),
    "services.*.networks.*.driver_opts": _harmless("a task has one network interface"),
    "services.*.networks.*.gw_priority": _harmless("a task has one network interface"),
    "services.*.networks.*.interface_name": _harmless("a task has one network interface"),
    "services.*.networks.*.ipv4_address": _lost(
        "a task's address changes with every task", "use the service's name"
    ),
    "services.*.networks.*.ipv6_address": _lost(
        "a task's address changes with every task", "use the service's name"
    ),
    "services.*.networks.*.link_local_ips": _lost(
        "a task's address changes with every task", "use the service's name"
    ),
    "services.*.networks.*.mac_address": _lost(
        "a task's network interface has an address of AWS's choice", "remove it"
    ),
    "services.*.networks.*.priority": _harmless("a task has one network interface"),
    "services.*.oom_kill_disable": _lost(
        "a container above its memory limit is ended", "give it enough memory"
    ),
    "services.*.oom_score_adj": _lost("a container above its memory limit is ended", "give it enough memory"),
    "services.*.pid": _mapped(
        "service:NAME is the task of that service, with process ids shared; host is refused"
    ),
    "services.*.pids_limit": _lost("Fargate has no limit on processes", "remove it"),
    "services.*.platform": _mapped("runtimePlatform"),
    "services.*.ports": _mapped("portMappings, a Service Connect name, and for HTTP a load balancer"),
    "services.*.ports.*": _mapped(
        "portMappings (a task has no host ports) and a Service Connect name; published HTTP is "
        "opened by the load balancer, all else stays inside the VPC"
    ),
    "services.*.post_start": _lost(
        "nothing runs a command after the start", "move it into the image's entrypoint"
    ),
    "services.*.pre_stop": _lost("nothing runs a command before the stop", "catch SIGTERM in the entrypoint"),
    "services.*.privileged": _refused("C2F208", "Fargate runs no privileged containers", _ELSEWHERE),
    "services.*.profiles": _mapped("resolved when the files are read"),
    "services.*.provider": _refused(
        "C2F209",
        "a provider runs on the machine of docker compose",
        "use the AWS service instead",
    ),
    "services.*.pull_policy": _harmless("Fargate pulls the image whenever a task starts"),
    "services.*.pull_refresh_after": _harmless("Fargate pulls the image whenever a task starts"),
    "services.*.read_only": _mapped("readonlyRootFilesystem"),
    "services.*.restart": _near(
        "an ECS service replaces every task that ends; on-failure restarts the container in its task"
    ),
    "services.*.runtime": _lost("Fargate has one container runtime", "remove it"),
    "services.*.scale": _mapped("desiredCount"),
    "services.*.secrets": Row(
        Outcome.IGNORED,
        "the secret's file will not be there: Fargate hands secrets to a container as variables only",
        "x-fargate: {secret_files: init} lets an init container write it below /run/secrets; "
        "x-fargate: {secrets: {NAME: /parameter}} gives the service a variable instead",
        Severity.WARNING,
        "C2F289",
        _SECRETS_URL,
    ),
    "services.*.security_opt": _lost("Fargate has no security options", "remove it"),
    "services.*.shm_size": _harmless(
        "on Fargate /dev/shm may grow to the task's memory", url=f"{API}/API_LinuxParameters.html"
    ),
    "services.*.stdin_open": _mapped("interactive"),
    "services.*.stop_grace_period": _mapped("stopTimeout, 2 to 120 seconds"),
    "services.*.stop_signal": _lost(
        "a task definition has no stop signal, but Fargate honours the image's",
        "add STOPSIGNAL to the Dockerfile",
        f"{API}/API_StopTask.html",
    ),
    "services.*.storage_opt": _mapped(
        "ephemeralStorage, where size is more than the 20 GiB that every task has"
    ),
    "services.*.sysctls": _mapped(
        "systemControls: net.* for the whole task, kernel.msg*, sem and shm*, fs.mqueue.*; no others can be set"
    ),
    "services.*.tmpfs": _mapped("linuxParameters.tmpfs, taken from the task's memory"),
    "services.*.tty": _mapped("pseudoTerminal"),
    "services.*.ulimits": _mapped("ulimits; nofile is the only one on Fargate"),
    "services.*.use_api_socket": _refused(
        "C2F210",
        "there is no Docker engine behind a Fargate task",
        "use the ECS API with a task role instead",
    ),
    "services.*.user": _mapped("user"),
    "services.*.userns_mode": _harmless("every Fargate task is isolated by a virtual machine of its own"),
    "services.*.uts": _lost("a task has host names of its own", "remove it"),
    "services.*.volumes": _mapped("the mounts below it say what becomes of each"),
    "services.*.volumes.*": _mapped(
        "a volume is a mount point; files of the project are copied into a derived image; folders of data go to EFS; "
        "paths of the host are refused"
    ),
    "services.*.volumes_from": _mapped("volumesFrom, in the task of that service"),
    "services.*.working_dir": _mapped("workingDirectory"),
    "services.*.x-fargate": _mapped("settings of this tool"),
    "networks": _mapped(
        "security groups, whose members reach each other at the ports that are known of them"
    ),
    "networks.*": _mapped(
        "a security group, whose members reach each other at the ports that are known of them"
    ),
    "networks.*.attachable": _harmless("any task can be put into a security group"),
    "networks.*.driver": _harmless(
        "the VPC carries every network; what separates them is their security groups"
    ),
    "networks.*.driver_opts": _harmless("a VPC's networks have no driver options"),
    "networks.*.enable_ipv4": _harmless("the VPC and its subnets decide the addresses"),
    "networks.*.enable_ipv6": _lost(
        "a task has IPv6 addresses where its subnets have",
        "choose subnets with IPv6: --subnet subnet-…",
        f"{DOCS}/fargate-task-networking.html",
    ),
    "networks.*.external": _mapped(
        "the security group that --network or name: sg-… gives, or else one of its own"
    ),
    "networks.*.internal": _near(
        "no load balancer opens its services unasked; they still reach the internet, from where images come",
        "give the tasks subnets without a route to it, and VPC endpoints: --subnet subnet-…",
        say=Severity.WARNING,
        url=f"{DOCS}/fargate-task-networking.html",
    ),
    "networks.*.ipam": _harmless("the VPC and its subnets decide the addresses"),
    "networks.*.labels": _harmless("the security group has tags of its own"),
    "networks.*.name": _mapped(
        "the security group that an external network is; otherwise networks are named after the stack"
    ),
    "networks.*.x-aws-securitygroup": _mapped("the security group that the network is"),
    "networks.*.x-fargate": _mapped("settings of this tool"),
    "volumes": _mapped("access points of an EFS file system, or other storage that x-fargate asks for"),
    "volumes.*": _mapped("an access point of an EFS file system, or other storage that x-fargate asks for"),
    "volumes.*.driver": _mapped("local is EFS; every other driver is refused"),
    "volumes.*.driver_opts": _near(
        "nfs of EFS is that file system, tmpfs is memory, a bind is EFS; others are refused"
    ),
    "volumes.*.labels": _mapped("tags of the access point"),
    "volumes.*.x-fargate": _mapped("settings of this tool"),
    "secrets": _mapped("SSM parameters or Secrets Manager secrets, where a service reads them"),
    "secrets.*": _mapped("an SSM parameter or a Secrets Manager secret, where a service reads it"),
    "secrets.*.driver": _lost(
        "Fargate has no secret drivers",
        "store it in SSM or Secrets Manager, with external: true",
        _SECRETS_URL,
    ),
    "secrets.*.driver_opts": _lost("Fargate has no secret drivers", "remove it", _SECRETS_URL),
    "secrets.*.labels": _harmless("the parameter has the tags of the stack"),
    "secrets.*.template_driver": _lost("nothing fills in templates", "store the finished text", _SECRETS_URL),
    "secrets.*.x-fargate": _mapped("settings of this tool"),
    "configs": _mapped("files, where a service reads them"),
    "configs.*": _mapped("a file, where a service reads it"),
    "configs.*.labels": _harmless("a file has no labels"),
    "configs.*.template_driver": _lost("nothing fills in templates", "write the finished text", _SECRETS_URL),
    "models": _mapped("the keys below it say what becomes of each"),
    "models.*": _refused(
        "C2F207",
        "Fargate runs no models for a service",
        "call Amazon Bedrock or an endpoint of yours, and remove models",
    ),
    "x-fargate": _mapped("settings of this tool"),
}
"""Key path (with `*` for any name or list item) to what becomes of it."""

EXTENSION = Row(
    Outcome.IGNORED,
    "an extension that this tool does not use; fragments of it count where they are merged in",
)
LEFT_OUT = Row(Outcome.IGNORED, "left out, by --without, --without-host-tools or x-fargate.skip")
_FINE = _mapped("what Fargate does anyway")


def _only(*harmless: object) -> Callable[[Any, Row], Row]:
    """The row does not apply to the values that ask for nothing special."""
    return lambda value, row: _FINE if value in harmless else row


def _network_mode(value: Any, row: Row) -> Row:
    if value in ("bridge", "default"):
        return _FINE
    if value == "none":
        return _refused(
            "C2F281", "a Fargate task always has a network interface", "close its security group instead"
        )
    if value == "host":
        return _lost(
            "all ports of the container are on the task's own address; no other service is at localhost",
            "reach other services by their names",
            f"{DOCS}/task-networking-awsvpc.html",
        )
    return row


def _mode(value: Any, row: Row) -> Row:
    if value == "global":
        return _near(
            "one task, and not one on each node: Fargate has no nodes",
            "write deploy: {replicas: N}, or run what each node needs as a sidecar (x-fargate.sidecar_of)",
            say=Severity.WARNING,
            url=f"{DOCS}/service-types-fargate.html",
        )
    return row


def _restart(value: Any, row: Row) -> Row:
    if value in ("always", "unless-stopped", "any"):
        return _mapped("an ECS service replaces every task that ends")
    return row


def _pid(value: Any, row: Row) -> Row:
    if value == "host":
        return _refused("C2F282", "a container cannot see the processes of its host", _ELSEWHERE)
    return row


def _network_driver(value: Any, row: Row) -> Row:
    """`host` and `none` are no networks that a group could stand for; macvlan and ipvlan promise addresses outside."""
    if value in ("macvlan", "ipvlan"):
        return _lost(
            f"a task has no address in a {value} network, but one of its subnet",
            "choose the subnets with --subnet subnet-…",
            f"{DOCS}/fargate-task-networking.html",
        )
    return row


def _extra_hosts(value: Any, row: Row) -> Row:
    """Docker's name for the machine it runs on has no counterpart; a list item is `name=address` here."""
    hosts = [str(item) for item in value] if isinstance(value, list) else list(value or ())
    if any("host-gateway" in host or host.startswith("host.docker.internal") for host in hosts):
        return _lost(
            "there is no host below a task whose address host-gateway could be",
            "reach what runs there by a name in the VPC, or put it into a sidecar and use localhost",
        )
    return row


DECIDED: Mapping[str, Callable[[Any, Row], Row]] = {
    "services.*.cap_add": _only([]),
    "networks.*.driver": _network_driver,
    "networks.*.enable_ipv6": _only(False),
    "networks.*.external": _only(False),
    "networks.*.internal": _only(False),
    "services.*.extra_hosts": _extra_hosts,
    "services.*.ipc": _only("private", "none", ""),
    "services.*.network_mode": _network_mode,
    "services.*.pid": _pid,
    "services.*.privileged": _only(False),
    "services.*.deploy.mode": _mode,
    "services.*.restart": _restart,
    "services.*.deploy.restart_policy.condition": _restart,
    "services.*.runtime": _only("runc", ""),
    "services.*.security_opt": _only([]),
    "services.*.stop_signal": _only("SIGTERM", "TERM", "15"),
    "services.*.use_api_socket": _only(False),
    "services.*.oom_kill_disable": _only(False),
    "volumes.*.driver": _only("local"),
}


class _Node(NamedTuple):
    """A step of the patterns of `ROWS`: the row and the rule of the pattern that ends here, and the steps below.

    `silent` are the steps of which nothing is to be said, nor of what is below them.
    """

    row: Row | None
    decide: Callable[[Any, Row], Row] | None
    takes_any: bool
    children: Mapping[str | int, _Node]
    silent: frozenset[str | int]

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to say, here or below."""
        says = self.decide is not None or (self.row is not None and self.row.severity is not None)
        return not says and len(self.silent) == len(self.children)


@lru_cache(maxsize=1)
def _trie() -> _Node:
    tree: dict[str, Any] = {}
    for pattern in ROWS:
        node = tree
        for part in pattern.split("."):
            node = node.setdefault(part, {})
    return _node("", tree)


def _node(pattern: str, below: Mapping[str, Any]) -> _Node:
    prefix = f"{pattern}." if pattern else ""
    children: dict[str | int, _Node] = {part: _node(prefix + part, inner) for part, inner in below.items()}
    silent = frozenset(part for part, child in children.items() if child.row is not None and child.is_silent)
    return _Node(ROWS.get(pattern), DECIDED.get(pattern), pattern.endswith("*"), children, silent)


def account(tree: Mapping[str, Any], marks: Marks, outcomes: Mapping[Path, Row]) -> list[Accounted]:
    """Give what becomes of each key that the user wrote, in the order of the canonical tree.

    Only keys with a mark of their own count: the rest are defaults that the loader filled in, or parts of
    a short form that its key answers for.

    Args:
        tree: The canonical tree.
        marks: Where its keys were written.
        outcomes: What became of a key, where that is not what its row says.
    """
    walk = _Walk(outcomes, complete=True)
    walk.account(tree, marks, _trie(), None, (), {})
    return walk.found


def findings(tree: Mapping[str, Any], marks: Marks, outcomes: Mapping[Path, Row]) -> Iterator[Diagnostic]:
    """Yield the diagnostics about what `account` gives; what has nothing to say is not even looked at."""
    walk = _Walk(outcomes, complete=False)
    decided: dict[str | int, Any] = {}
    for path in outcomes:
        inside = decided
        for step in path:
            inside = inside.setdefault(step, {})
    walk.account(tree, marks, _trie(), None, (), decided)
    return (diagnostic for diagnostic in map(_finding, walk.found) if diagnostic)


class _Walk:
    """One walk over a tree: whether it takes in what has nothing to say, and what it found."""

    def __init__(self, outcomes: Mapping[Path, Row], *, complete: bool) -> None:
        self.outcomes = outcomes
        self.complete = complete
        self.found: list[Accounted] = []

    def account(
        self,
        value: Any,
        marks: Marks,
        node: _Node,
        row: Row | None,
        path: Path,
        decided: Mapping[str | int, Any],
    ) -> bool:
        """Account for what is in `value`; tell whether there was anything to account for.

        `decided` are the steps below which there are outcomes.
        """
        before = len(self.found)
        is_skipped = False
        silent, children = () if self.complete else node.silent, node.children
        items = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
        for key, item in items:
            mark = marks.get(key)
            if mark is None:
                continue
            if key in silent and key not in decided:
                is_skipped = True
                continue
            child = children.get(key) or children.get("*")
            own = _row(child, item, row)
            if (child is None or child.takes_any) and _is_extension(key):
                own, child = EXTENSION, None
            at, inside = (*path, key), mark[3]
            below = child if inside and child and child.children else None
            if below and self.account(item, inside or {}, below, own, at, decided.get(key, {})):
                continue
            if own is not None:
                place = Location(mark[0], mark[1], mark[2])
                self.found.append(Accounted(at, place, self.outcomes.get(at, own)))
        return is_skipped or len(self.found) > before


def _row(node: _Node | None, value: Any, inherited: Row | None) -> Row | None:
    if node is None:
        return inherited
    row = node.row or inherited
    return node.decide(value, row) if node.decide and row else row


def _is_extension(key: str | int) -> bool:
    return isinstance(key, str) and key.startswith("x-")


_READ = frozenset({"include", "extends", "env_file", "label_file"})
"""Keys that the loader carries out itself, and that are gone from the canonical tree for that reason."""


def consumed(path: Path, location: Location | None, reason: str) -> Accounted:
    """Say what became of a key that reading the files used up, overrode or left out."""
    key = str(path[-1])
    row = ROWS.get(key if len(path) == 1 else f"services.*.{key}") if key in _READ else None
    return Accounted(path, location, row or Row(Outcome.IGNORED, reason))


def _finding(accounted: Accounted) -> Diagnostic | None:
    """Give the diagnostic about an accounted key, or None where there is nothing to say."""
    row = accounted.row
    if row.severity is None:
        return None
    return Diagnostic(
        row.code,
        row.severity,
        f"{_key(accounted.path)}: {row.what}",
        accounted.path,
        accounted.location,
        _ways_out(accounted.path, row),
        row.url,
    )


def _ways_out(path: Path, row: Row) -> str:
    """What to do, and for a refusal always how to go on without it."""
    if row.outcome is not Outcome.REFUSED or "--allow" in row.hint:
        return row.hint
    without = f"; or leave the service out: --without {path[1]}" if path[0] == "services" else ""
    return f"{row.hint}{without}; or go on without this key: --allow {row.code}"


def _key(path: Path) -> str:
    """The key as a reader names it: `deploy.rollback_config`, `volumes[2]`, `networks.front.aliases`."""
    parts = path[2:] if path[0] == "services" else path
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
