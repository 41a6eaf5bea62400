"""What becomes of each key path: one table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from compose2fargate.aws.fargate import API, CONTAINER_URL, DOCS
from compose2fargate.diagnostics import Severity
from compose2fargate.records import NamedTuple


class KeyOutcome(str, Enum):
    """What happens to a key on Fargate."""

    MAPPED = "mapped"
    APPROXIMATED = "approximated"
    IGNORED = "ignored"
    REFUSED = "refused"


class CoverageRow(NamedTuple):
    """One line of the table.

    Attributes:
        outcome: What happens to the key.
        what: One sentence on what happens on Fargate, without the key's name.
        hint: What to do about it; empty when there is nothing to do.
        severity: None when nothing needs to be said, or when the mapping says it better itself.
        code: The diagnostic's code.
        url: Where it is documented.
    """

    outcome: KeyOutcome
    what: str
    hint: str = ""
    severity: Severity | None = None
    code: str = ""
    url: str = ""


def mapped(what: str) -> CoverageRow:
    """Make the row of a key that means the same on Fargate."""
    return CoverageRow(KeyOutcome.MAPPED, what)


def near(what: str, hint: str = "", *, say: Severity | None = None, url: str = "") -> CoverageRow:
    """Make the row of a key for which there is something close."""
    return CoverageRow(KeyOutcome.APPROXIMATED, what, hint, say, "C2F202", url)


def harmless(what: str, hint: str = "", url: str = "") -> CoverageRow:
    """Make the row of a key that may be left out without loss."""
    return CoverageRow(KeyOutcome.IGNORED, what, hint, Severity.INFO, "C2F200", url)


def lost(what: str, hint: str, url: str = CONTAINER_URL) -> CoverageRow:
    """Make the row of a key whose effect is lost."""
    return CoverageRow(KeyOutcome.IGNORED, what, hint, Severity.WARNING, "C2F201", url)


def refused(code: str, what: str, hint: str, url: str = CONTAINER_URL) -> CoverageRow:
    """Make the row of a key that cannot be there."""
    return CoverageRow(KeyOutcome.REFUSED, what, hint, Severity.ERROR, code, url)


_SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
ELSEWHERE = "run this service on ECS with EC2 or Managed Instances"

ROWS: Mapping[str, CoverageRow] = {
    "name": mapped("prefix of the names of cluster, task definitions and log groups"),
    "version": harmless("obsolete in compose itself"),
    "include": mapped("resolved when the files are read"),
    "services": mapped("a task definition for each service, and an ECS service or a job around it"),
    "services.*": mapped("a task definition, and an ECS service or a job around it"),
    "services.*.annotations": harmless("metadata for the container runtime, which Fargate does not pass on"),
    "services.*.attach": harmless("affects only the output of docker compose up"),
    "services.*.blkio_config": lost("Fargate has no block I/O weights or limits", "remove it"),
    "services.*.build": mapped(
        "the image's address in ECR; the Dockerfile supplies command, ports and health check"
    ),
    "services.*.build.additional_contexts": mapped(
        "passed to the builder by `push`; `service:NAME` is the image that was pushed"
    ),
    "services.*.build.args": mapped("used to read the Dockerfile, and passed to the builder by `push`"),
    "services.*.build.context": mapped("where the Dockerfile is"),
    "services.*.build.dockerfile": mapped("the Dockerfile that is read"),
    "services.*.build.dockerfile_inline": mapped("the Dockerfile that is read"),
    "services.*.build.target": mapped("the stage that is read"),
    "services.*.build.cache_from": mapped("passed to the builder by `push`"),
    "services.*.build.cache_to": mapped("passed to the builder by `push`"),
    "services.*.build.entitlements": mapped("passed to the builder by `push`, which is docker with buildx"),
    "services.*.build.extra_hosts": mapped("passed to the builder by `push`"),
    "services.*.build.labels": mapped("passed to the builder by `push`"),
    "services.*.build.network": mapped("passed to the builder by `push`"),
    "services.*.build.no_cache": mapped(
        "passed to the builder by `push`, which then builds whatever has changed or not"
    ),
    "services.*.build.no_cache_filter": mapped(
        "passed to the builder by `push`, which is docker with buildx and builds whatever has changed or not"
    ),
    "services.*.build.platforms": mapped(
        "the image is built for what the task runs on, which has to be among them"
    ),
    "services.*.build.privileged": mapped("passed to the builder by `push`, which is docker with buildx"),
    "services.*.build.provenance": mapped("passed to the builder by `push`; none when absent"),
    "services.*.build.pull": mapped(
        "passed to the builder by `push`, which then builds whatever has changed or not"
    ),
    "services.*.build.sbom": mapped("passed to the builder by `push`"),
    "services.*.build.secrets": mapped("passed to the builder by `push`, in files that only it can read"),
    "services.*.build.shm_size": mapped("passed to the builder by `push`"),
    "services.*.build.ssh": mapped("passed to the builder by `push`"),
    "services.*.build.tags": mapped("pushed under these names, too"),
    "services.*.build.ulimits": mapped("passed to the builder by `push`"),
    "services.*.cap_add": mapped("linuxParameters.capabilities.add; SYS_PTRACE is the only one Fargate adds"),
    "services.*.cap_drop": mapped("linuxParameters.capabilities.drop"),
    "services.*.cgroup": harmless("every Fargate task has control groups of its own"),
    "services.*.cgroup_parent": lost("Fargate has no field for it", "remove it"),
    "services.*.command": mapped("command, as an argument array"),
    "services.*.configs": near(
        "a file in an image derived from the service's own, or written by an init container"
    ),
    "services.*.container_name": near("the container's name inside its task, and a Service Connect name"),
    "services.*.cpu_count": lost("counts processors only on Windows", "write cpus: instead"),
    "services.*.cpu_percent": lost("has an effect only on Windows", "write cpus: instead"),
    "services.*.cpu_period": mapped("with cpu_quota, the number of CPUs that decides the task's size"),
    "services.*.cpu_quota": mapped("with cpu_period, the number of CPUs that decides the task's size"),
    "services.*.cpu_rt_period": lost("Fargate has no real-time scheduling", "remove it"),
    "services.*.cpu_rt_runtime": lost("Fargate has no real-time scheduling", "remove it"),
    "services.*.cpu_shares": harmless(
        "weighs containers of one host; here each container has its task to itself"
    ),
    "services.*.cpus": mapped("the task's size, and the container's cpu"),
    "services.*.cpuset": lost("a task cannot be pinned to processors", "remove it"),
    "services.*.credential_spec": refused(
        "C2F204", "Windows credential specifications do not work on Fargate", ELSEWHERE
    ),
    "services.*.depends_on": near(
        "dependsOn inside a task; between services the order in which they are created"
    ),
    "services.*.deploy": mapped("see the keys below it"),
    "services.*.deploy.endpoint_mode": near(
        "vip is Service Connect, which balances in the client; dnsrr is also a private DNS name with every task's address",
        url=f"{DOCS}/service-discovery.html",
    ),
    "services.*.deploy.labels": mapped("tags of the ECS service and its tasks"),
    "services.*.deploy.mode": mapped(
        "replicated is an ECS service, and so is global, with one task, since Fargate has "
        "no nodes; replicated-job and global-job are a task to run"
    ),
    "services.*.deploy.placement": mapped("see the keys below it"),
    "services.*.deploy.placement.constraints": near(
        "node.platform.arch is runtimePlatform.cpuArchitecture; Fargate has no nodes to choose by anything else"
    ),
    "services.*.deploy.placement.max_replicas_per_node": harmless(
        "each Fargate task has a machine of its own"
    ),
    "services.*.deploy.placement.preferences": harmless(
        "Fargate spreads tasks over the subnets' zones itself"
    ),
    "services.*.deploy.replicas": mapped("desiredCount"),
    "services.*.deploy.resources": mapped("the task's size"),
    "services.*.deploy.resources.limits": mapped("the task's size"),
    "services.*.deploy.resources.limits.cpus": mapped("the task's size, and the container's cpu"),
    "services.*.deploy.resources.limits.memory": mapped("the container's memory, and the task's size"),
    "services.*.deploy.resources.limits.pids": lost("Fargate has no limit on processes", "remove it"),
    "services.*.deploy.resources.reservations": mapped("the task's size"),
    "services.*.deploy.resources.reservations.cpus": mapped("the task's size"),
    "services.*.deploy.resources.reservations.devices": refused(
        "C2F205", "Fargate has no GPUs or other devices", ELSEWHERE
    ),
    "services.*.deploy.resources.reservations.generic_resources": refused(
        "C2F205", "Fargate has no GPUs or other devices", ELSEWHERE
    ),
    "services.*.deploy.resources.reservations.memory": mapped("memoryReservation, and the task's size"),
    "services.*.deploy.restart_policy": near("an ECS service replaces every task that ends"),
    "services.*.deploy.restart_policy.condition": near("an ECS service replaces every task that ends"),
    "services.*.deploy.restart_policy.delay": harmless("ECS slows down restarts of a failing task by itself"),
    "services.*.deploy.restart_policy.max_attempts": lost(
        "ECS keeps replacing tasks; the deployment circuit breaker is the closest equivalent",
        "remove it",
        f"{DOCS}/ecs_services.html",
    ),
    "services.*.deploy.restart_policy.window": mapped(
        "restartPolicy.restartAttemptPeriod, 60 to 1800 seconds"
    ),
    "services.*.deploy.rollback_config": harmless("a rollback uses the same percentages as an update"),
    "services.*.deploy.update_config": mapped(
        "minimum and maximum percent, and the deployment circuit breaker"
    ),
    "services.*.deploy.update_config.delay": harmless(
        "a rolling update has no pause between batches; linear deployments of ECS have one (stepBakeTimeInMinutes)",
        url=f"{API}/API_LinearConfiguration.html",
    ),
    "services.*.deploy.update_config.failure_action": mapped(
        "the deployment circuit breaker, with rollback or without"
    ),
    "services.*.deploy.update_config.max_failure_ratio": harmless(
        "the circuit breaker has a threshold of its own: half of the tasks that are wanted, at least 3 and at most 200",
        url=f"{DOCS}/deployment-circuit-breaker.html",
    ),
    "services.*.deploy.update_config.monitor": harmless("ECS watches each task until it is healthy"),
    "services.*.deploy.update_config.order": mapped("minimum and maximum percent"),
    "services.*.deploy.update_config.parallelism": mapped("minimum and maximum percent"),
    "services.*.develop": harmless("affects only docker compose watch"),
    "services.*.device_cgroup_rules": refused("C2F205", "Fargate has no devices", ELSEWHERE),
    "services.*.devices": refused("C2F205", "Fargate has no devices", ELSEWHERE),
    "services.*.dns": lost(
        "a task's name servers are the VPC's",
        "set them in the VPC's DHCP options, or use Route 53 Resolver rules",
    ),
    "services.*.dns_opt": lost(
        "a task's resolver options cannot be set",
        "set RES_OPTIONS in environment, which glibc reads, or remove it",
    ),
    "services.*.dns_search": lost(
        "a task's search domains are the VPC's", "use full names, or set the domain in the VPC's DHCP options"
    ),
    "services.*.domainname": lost(
        "the VPC names a task's host", "remove it, or pass the name as an environment variable"
    ),
    "services.*.entrypoint": mapped("entryPoint, as an argument array"),
    "services.*.env_file": mapped("read now; its variables stand in the container's environment"),
    "services.*.environment": mapped("variables of the container"),
    "services.*.expose": mapped(
        "portMappings, a Service Connect name, and a rule among the members of its networks"
    ),
    "services.*.extends": mapped("resolved when the files are read"),
    "services.*.external_links": lost(
        "containers of another project cannot be reached by name",
        "let both projects use one namespace: --namespace NAME, and one security group: --network NAME=sg-…",
        f"{DOCS}/service-connect-concepts.html",
    ),
    "services.*.extra_hosts": lost(
        "a task's /etc/hosts cannot be extended", "add the name to a Route 53 private zone of the VPC"
    ),
    "services.*.gpus": refused("C2F205", "Fargate has no GPUs", ELSEWHERE),
    "services.*.group_add": lost(
        "a container cannot join additional groups", "set user: uid:gid, or add the group in the image"
    ),
    "services.*.healthcheck": mapped(
        "healthCheck, with Docker's defaults; interval 5 to 300 seconds, timeout 2 to 60, retries 1 to 10, start_period up to 300"
    ),
    "services.*.healthcheck.start_interval": harmless("ECS checks at the same interval from the start"),
    "services.*.hostname": lost(
        "the VPC names a task's host", "remove it, or pass the name as an environment variable"
    ),
    "services.*.image": mapped("the container's image"),
    "services.*.init": mapped("linuxParameters.initProcessEnabled"),
    "services.*.ipc": refused("C2F206", "Fargate containers do not share IPC namespaces", ELSEWHERE),
    "services.*.isolation": harmless("every Fargate task is isolated by a virtual machine of its own"),
    "services.*.label_file": mapped("dockerLabels"),
    "services.*.labels": mapped("dockerLabels"),
    "services.*.links": near("a Service Connect name that every service of the project knows"),
    "services.*.logging": mapped("logConfiguration"),
    "services.*.logging.driver": mapped(
        "logConfiguration.logDriver: CloudWatch Logs for json-file, local, journald and awslogs; Splunk; "
        "a FireLens router for fluentd, gelf and syslog; nothing for none"
    ),
    "services.*.logging.options": mapped(
        "logConfiguration.options, as far as the driver on Fargate has them"
    ),
    "services.*.mac_address": lost("AWS chooses the address of a task's network interface", "remove it"),
    "services.*.mem_limit": mapped("the container's memory, and the task's size"),
    "services.*.mem_reservation": mapped("memoryReservation, and the task's size"),
    "services.*.mem_swappiness": harmless("Fargate has no swap"),
    "services.*.memswap_limit": harmless("Fargate has no swap"),
    "services.*.models": refused(
        "C2F207",
        "Fargate does not run models for a service",
        "call Amazon Bedrock or your own endpoint, and remove models",
    ),
    "services.*.network_mode": mapped(
        "service:NAME is the task of that service, whose address the container shares; "
        "bridge and host are the task's own address; none is refused"
    ),
    "services.*.networks": mapped("the security groups of the task, one for each network"),
    "services.*.networks.*.aliases": near("a Service Connect name that every service of the project knows"),
    "services.*.networks.*.driver_opts": harmless("a task has one network interface"),
    "services.*.networks.*.gw_priority": harmless("a task has one network interface"),
    "services.*.networks.*.interface_name": harmless("a task has one network interface"),
    "services.*.networks.*.ipv4_address": lost(
        "every new task has a different address", "use the service's name"
    ),
    "services.*.networks.*.ipv6_address": lost(
        "every new task has a different address", "use the service's name"
    ),
    "services.*.networks.*.link_local_ips": lost(
        "every new task has a different address", "use the service's name"
    ),
    "services.*.networks.*.mac_address": lost(
        "AWS chooses the address of a task's network interface", "remove it"
    ),
    "services.*.networks.*.priority": harmless("a task has one network interface"),
    "services.*.oom_kill_disable": lost(
        "a container that exceeds its memory limit is killed", "give it enough memory"
    ),
    "services.*.oom_score_adj": lost(
        "a container that exceeds its memory limit is killed", "give it enough memory"
    ),
    "services.*.pid": mapped(
        "service:NAME is the task of that service, with process ids shared; host is refused"
    ),
    "services.*.pids_limit": lost("Fargate has no limit on processes", "remove it"),
    "services.*.platform": mapped("runtimePlatform"),
    "services.*.ports": mapped("portMappings, a Service Connect name, and for HTTP a load balancer"),
    "services.*.ports.*": mapped(
        "portMappings (a task has no host ports) and a Service Connect name; published HTTP is "
        "opened by the load balancer, all else stays inside the VPC"
    ),
    "services.*.post_start": lost(
        "ECS cannot run a command inside a container that has started",
        "write it as pre_start if it need not run inside the container (chown, migrations, downloads); or start it from the entrypoint",
    ),
    "services.*.pre_start": mapped(
        "init containers of the task (`dependsOn: SUCCESS`), in their order; jobs before the service where it has several tasks"
    ),
    "services.*.pre_start.*.command": mapped("command; the entrypoint is the image's, as in Docker Compose"),
    "services.*.pre_start.*.environment": mapped("environment, after the variables of the service"),
    "services.*.pre_start.*.image": mapped("image; the service's own when absent"),
    "services.*.pre_start.*.per_replica": mapped(
        "true: in each task; false: once in a deployment, by a job, where the service has several tasks"
    ),
    "services.*.pre_start.*.privileged": refused(
        "C2F208",
        "Fargate does not run privileged containers",
        "remove it, and write user: root if that is all the command needs",
    ),
    "services.*.pre_start.*.user": mapped("user; the image's when absent, as in Docker Compose"),
    "services.*.pre_start.*.working_dir": mapped("workingDirectory; the image's when absent"),
    "services.*.pre_stop": lost(
        "ECS cannot run a command before a container stops; it sends stop_signal, and SIGKILL after stop_grace_period",
        "catch the signal in the entrypoint, run the command there, and allow it the time with stop_grace_period (at most 2m)",
    ),
    "services.*.privileged": refused("C2F208", "Fargate does not run privileged containers", ELSEWHERE),
    "services.*.profiles": mapped("resolved when the files are read"),
    "services.*.provider": refused(
        "C2F209",
        "a provider runs on the machine of docker compose",
        "use the AWS service instead",
    ),
    "services.*.pull_policy": harmless("Fargate pulls the image whenever a task starts"),
    "services.*.pull_refresh_after": harmless("Fargate pulls the image whenever a task starts"),
    "services.*.read_only": mapped("readonlyRootFilesystem"),
    "services.*.restart": near(
        "an ECS service replaces every task that ends; on-failure restarts the container in its task"
    ),
    "services.*.runtime": lost("Fargate has one container runtime", "remove it"),
    "services.*.scale": mapped("desiredCount"),
    "services.*.secrets": CoverageRow(
        KeyOutcome.IGNORED,
        "the secret's file does not exist at run time: Fargate passes secrets to a container only as variables",
        "x-fargate: {secret_files: init} lets an init container write it below /run/secrets; "
        "x-fargate: {secrets: {NAME: /parameter}} gives the service a variable instead",
        Severity.WARNING,
        "C2F289",
        _SECRETS_URL,
    ),
    "services.*.security_opt": lost("Fargate has no security options", "remove it"),
    "services.*.shm_size": harmless(
        "on Fargate /dev/shm may grow to the task's memory", url=f"{API}/API_LinuxParameters.html"
    ),
    "services.*.stdin_open": mapped("interactive"),
    "services.*.stop_grace_period": mapped("stopTimeout, 2 to 120 seconds"),
    "services.*.stop_signal": lost(
        "a task definition has no stop signal, but Fargate honours the image's",
        "add STOPSIGNAL to the Dockerfile",
        f"{API}/API_StopTask.html",
    ),
    "services.*.storage_opt": mapped(
        "ephemeralStorage, where size is more than the 20 GiB that every task has"
    ),
    "services.*.sysctls": mapped(
        "systemControls: net.* for the whole task, kernel.msg*, sem and shm*, fs.mqueue.*; no others can be set"
    ),
    "services.*.tmpfs": mapped("linuxParameters.tmpfs, taken from the task's memory"),
    "services.*.tty": mapped("pseudoTerminal"),
    "services.*.ulimits": mapped("ulimits; nofile is the only one on Fargate"),
    "services.*.use_api_socket": refused(
        "C2F210",
        "there is no Docker engine behind a Fargate task",
        "use the ECS API with a task role instead",
    ),
    "services.*.user": mapped("user"),
    "services.*.userns_mode": harmless("every Fargate task is isolated by a virtual machine of its own"),
    "services.*.uts": lost("a task has host names of its own", "remove it"),
    "services.*.volumes": mapped("see the mounts below it"),
    "services.*.volumes.*": mapped(
        "a volume is a mount point; files of the project are copied into a derived image; folders of data go to EFS; "
        "paths of the host are refused"
    ),
    "services.*.volumes_from": mapped("volumesFrom, in the task of that service"),
    "services.*.working_dir": mapped("workingDirectory"),
    "services.*.x-fargate": mapped("settings of this tool"),
    "networks": mapped("security groups, whose members reach each other at the ports that are known of them"),
    "networks.*": mapped(
        "a security group, whose members reach each other at the ports that are known of them"
    ),
    "networks.*.attachable": harmless("any task can be put into a security group"),
    "networks.*.driver": harmless(
        "the VPC carries every network; what separates them is their security groups"
    ),
    "networks.*.driver_opts": harmless("a VPC's networks have no driver options"),
    "networks.*.enable_ipv4": harmless("the VPC and its subnets decide the addresses"),
    "networks.*.enable_ipv6": lost(
        "a task has IPv6 addresses where its subnets have",
        "choose subnets with IPv6: --subnet subnet-…",
        f"{DOCS}/fargate-task-networking.html",
    ),
    "networks.*.external": mapped(
        "the security group that --network or name: sg-… gives, or else one of its own"
    ),
    "networks.*.internal": near(
        "no load balancer opens its services unless asked to; they still reach the internet, from which images are pulled",
        "give the tasks subnets without a route to it, and VPC endpoints: --subnet subnet-…",
        say=Severity.WARNING,
        url=f"{DOCS}/fargate-task-networking.html",
    ),
    "networks.*.ipam": harmless("the VPC and its subnets decide the addresses"),
    "networks.*.labels": harmless("the security group has tags of its own"),
    "networks.*.name": mapped(
        "the security group that an external network is; otherwise networks are named after the stack"
    ),
    "networks.*.x-aws-securitygroup": mapped("the security group that the network is"),
    "networks.*.x-fargate": mapped("settings of this tool"),
    "volumes": mapped("access points of an EFS file system, or other storage that x-fargate asks for"),
    "volumes.*": mapped("an access point of an EFS file system, or other storage that x-fargate asks for"),
    "volumes.*.driver": mapped("local is EFS; every other driver is refused"),
    "volumes.*.driver_opts": near(
        "nfs of EFS is that file system, tmpfs is memory, a bind is EFS, options of Docker's ECS integration shape EFS; others are refused"
    ),
    "volumes.*.labels": mapped("tags of the access point"),
    "volumes.*.x-fargate": mapped("settings of this tool"),
    "secrets": mapped("SSM parameters or Secrets Manager secrets, where a service reads them"),
    "secrets.*": mapped("an SSM parameter or a Secrets Manager secret, where a service reads it"),
    "secrets.*.driver": lost(
        "Fargate has no secret drivers",
        "store it in SSM or Secrets Manager, with external: true",
        _SECRETS_URL,
    ),
    "secrets.*.driver_opts": lost("Fargate has no secret drivers", "remove it", _SECRETS_URL),
    "secrets.*.labels": harmless("the parameter has the tags of the stack"),
    "secrets.*.template_driver": lost("templates are not filled in", "store the rendered text", _SECRETS_URL),
    "secrets.*.x-fargate": mapped("settings of this tool"),
    "configs": mapped("files, where a service reads them"),
    "configs.*": mapped("a file, where a service reads it"),
    "configs.*.labels": harmless("a file has no labels"),
    "configs.*.template_driver": lost("templates are not filled in", "write the rendered text", _SECRETS_URL),
    "models": mapped("see the keys below it"),
    "models.*": refused(
        "C2F207",
        "Fargate does not run models for a service",
        "call Amazon Bedrock or your own endpoint, and remove models",
    ),
    "x-fargate": mapped("settings of this tool"),
}
"""Key path (with `*` for any name or list item) to what becomes of it."""

EXTENSION = CoverageRow(
    KeyOutcome.IGNORED,
    "an extension that this tool does not use; fragments of it count where they are merged in",
)
LEFT_OUT = CoverageRow(KeyOutcome.IGNORED, "left out, by --without, --without-host-tools or x-fargate.skip")
