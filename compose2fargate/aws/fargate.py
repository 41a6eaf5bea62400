"""What Fargate accepts, as data: sizes, ranges, names; and the check that uses them.

Linters and the AWS CLI do not know most of these limits: a task definition that breaks one is registered
and fails when a task starts. Each constant names its source.
"""

from __future__ import annotations

from compose2fargate.aws.api_values import Tag
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

DOCS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"
API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference"
TASK_SIZE_URL = f"{DOCS}/task-cpu-memory-error.html"
CONTAINER_URL = f"{API}/API_ContainerDefinition.html"
HEALTH_CHECK_URL = f"{API}/API_HealthCheck.html"


def _steps(first: int, last: int, step: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1, step))


SIZES: tuple[tuple[int, tuple[int, ...]], ...] = (
    (256, (512, 1024, 2048)),
    (512, _steps(1024, 4096, 1024)),
    (1024, _steps(2048, 8192, 1024)),
    (2048, _steps(4096, 16384, 1024)),
    (4096, _steps(8192, 30720, 1024)),
    (8192, _steps(16384, 61440, 4096)),
    (16384, _steps(32768, 122880, 8192)),
)
"""CPU units and the memory sizes in MiB that go with them. Source: `TASK_SIZE_URL`."""
MEMORY = dict(SIZES)


class Size(NamedTuple):
    """A task size: CPU units (1024 = one vCPU) and memory in MiB."""

    cpu: int
    memory: int

    def __str__(self) -> str:
        return f"{self.cpu / 1024:g} vCPU / {self.memory / 1024:g} GB"


LARGEST = Size(SIZES[-1][0], SIZES[-1][1][-1])


def smallest_size(cpu: int, memory: int) -> Size | None:
    """Give the cheapest legal size with at least `cpu` units and `memory` MiB, or None beyond the largest.

    The first row with enough of both is the cheapest: CPU is priced nine times as high as memory.
    """
    for units, memories in SIZES:
        if units >= cpu:
            for size in memories:
                if size >= memory:
                    return Size(units, size)
    return None


class Range(NamedTuple):
    """An inclusive range of whole numbers."""

    low: int
    high: int

    def clamp(self, value: int) -> int:
        """Give the number in the range that is nearest to `value`."""
        return min(max(value, self.low), self.high)


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
HEALTH_INTERVAL = Range(5, 300)
HEALTH_TIMEOUT = Range(2, 60)
HEALTH_RETRIES = Range(1, 10)
HEALTH_START_PERIOD = Range(0, 300)
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
STOP_TIMEOUT = Range(2, 120)
MIN_MEMORY = 6
NOFILE_MAX = 1_048_576
RESTART_PERIOD = Range(60, 1800)
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
MAX_CONTAINERS = 10
MAX_TASK_DEFINITION_BYTES = 65_536
MAX_SECURITY_GROUPS = 5
MAX_SUBNETS = 16
MAX_TAGS = 50
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html
MAX_TARGET_GROUPS_PER_SERVICE = 5
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
MAX_TARGET_GROUPS = 100
MAX_LISTENERS = 50
MAX_RULES = 100
MAX_RULE_VALUES = 5
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
TARGET_INTERVAL = Range(5, 300)
TARGET_TIMEOUT = Range(2, 120)
TARGET_THRESHOLD = Range(2, 10)
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MAX_GROUP_RULES = 60
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html
EPHEMERAL_GIB = Range(21, 200)

ADDABLE_CAPABILITIES = frozenset({"SYS_PTRACE"})
"""The only capability a Fargate task may add:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html"""

DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""Capabilities a container has anyway: https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities"""

SYSCTL = lazy_pattern(
    r"kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+|net\..+"
)
"""Kernel parameters that may be set:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_SystemControl.html"""

NAME = lazy_pattern(r"[A-Za-z0-9_-]{1,255}")
"""Families, services, clusters, containers and volumes: `CONTAINER_URL`."""
PORT_NAME = lazy_pattern(r"[a-z0-9_][a-z0-9_-]{0,63}")
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html"""

LOG_DRIVERS = frozenset({"awslogs", "splunk", "awsfirelens"})
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html"""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""


TAG_TEXT = lazy_pattern(r"[\w\s.:/=+\-@]*")
"""Letters, digits, spaces and some signs: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html"""


def is_tag(tag: Tag) -> bool:
    """Tell whether AWS takes a tag. Keys that begin with `aws:`, in any case, are its own."""
    lengths = 1 <= len(tag.key) <= 128 and len(tag.value) <= 256
    reserved = tag.key.lower().startswith("aws:")
    return bool(lengths and not reserved and TAG_TEXT.fullmatch(tag.key) and TAG_TEXT.fullmatch(tag.value))
