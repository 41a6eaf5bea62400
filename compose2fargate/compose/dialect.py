"""Which release of Docker Compose the files are read as, and what differs between the releases: the one table of that.

A pass asks whether a dialect has a change (`dialect.has(Change.LAZY_OPERANDS)`) and never for a version. Two dialects
can be chosen, since only what has been measured is promised. A release between the two differs from both in places
that are no rows here: what a release broke and a later one mended is left out.

Sources are commits of compose-go (https://github.com/compose-spec/compose-go), of docker/compose and of go-yaml where
these are named, and versions of the other libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from compose2fargate.records import NamedTuple


class Change(Enum):
    """A difference between releases: the first one that has it, its source, and what it says."""

    def __init__(self, since: str, source: str, says: str) -> None:
        self.since = since
        self.source = source
        self.says = says

    # The files as text
    NEGATIVE_ZERO = "5.0.0", "go-yaml 4.0.0-rc.3", "`-0` is the number minus zero, printed as `-0`"
    FLOW_QUESTIONS = "5.0.0", "go-yaml 4.0.0-rc.3", "`[a?b]` holds a text with a question mark"
    CONTROL_CHARACTERS = "5.1.0", "go-yaml 4.0.0-rc.4", "the control characters U+007F to U+009F are text"
    FLOW_COLONS = "5.1.0", "go-yaml 4.0.0-rc.4", "`[::1]` holds a text that begins with a colon"
    FLOW_KEYS = "5.3.1", "go-yaml 4.0.0-rc.6", "`[a:]` holds a mapping without a value, no text"
    RESETS_BY_ALIAS = "5.1.4", "compose-go 468e314", "`!reset` under an anchor counts at each of its aliases"
    NODE_LIMIT = "5.1.4", "compose-go 468e314", "a document has at most 100,000 values"

    # Variables
    LAZY_OPERANDS = "5.0.2", "compose-go ddb94f1", "what follows an operator counts only where it is used"
    DEPENDENCY_CASTS = (
        "5.0.0", "compose-go 1b2139e", "`depends_on.*.required` and `.restart` may be texts, and so variables",
    )  # fmt: skip

    # Other files
    INCLUDES_FIRST = "5.1.2", "compose-go 65af4e5", "a service may extend a service of an included file"
    INCLUDES_MERGE = (
        "5.0.0", "compose-go 3d3411d", "what an included file defines may be overridden by the file that includes it",
    )  # fmt: skip

    # The schema
    NO_CACHE_FILTER = "5.0.0", "compose-go ea0b69c", "the key `build.no_cache_filter`"
    PRE_START = "5.3.0", "compose-go faa67b2", "the key `pre_start`"
    CHECKED_AS_JSON = (
        "5.0.0", "compose-go dabd353", "the schema takes dates for texts; numbers that are infinite or none are refused",
    )  # fmt: skip

    # Values
    BARE_IPV6 = "5.0.0", "go-connections 0.6", "the address of a port may be IPv6 without brackets"
    ONE_PROTOCOL = "5.0.0", "go-connections 0.6", "what follows a port's first slash is its protocol"
    SIGNED_PORTS = "5.1.4", "go-connections 0.7", "a port may have a plus sign, and a range has two ends"
    SIGNED_BYTES = "5.1.4", "compose-go 3db7330", "a size without a unit may be negative"
    COMMAND_ESCAPES = (
        "5.1.4",
        "go-shellwords 1.0.13",
        r"`\t` and `\n` in a command line are a tab and a line break",
    )
    BARE_PARENTHESIS = "5.1.4", "go-shellwords 1.0.13", "an unquoted `)` without its `$(` is refused"
    HOST_PATH_DEFAULT = "5.0.2", "compose-go 8c75dbf", "a `bind` without `create_host_path` means true"
    OPT_OUT = (
        "5.0.0",
        "compose-go dabd353",
        "`create_host_path` and `env_file.required` are printed when they are false",
    )
    ADDRESS_POOL_OPTIONS = "5.2.0", "compose-go d48021c", "`networks.*.ipam.options` is kept"
    KEPT_EMPTY_LISTS = (
        "5.1.4",
        "compose-go c9079e9",
        "an empty list stays one where the model is printed as JSON",
    )

    # What is printed
    GO_YAML_4_STYLE = (
        "5.1.0", "go-yaml 4.0.0-rc.4", "YAML has `yes`, `no` and `1:30` in single quotes, and breaks lines after column 80",
    )  # fmt: skip

    # The command line
    ENV_FILE_HOME = "5.0.2", "docker/compose 9856802", "`--env-file ~/x` is in the home directory"
    ENV_FILE_FAULTS = (
        "5.0.1",
        "docker/compose 6c04392",
        "an env file is read, and refused, before anything else",
    )
    UNREAD_ENV_FILES = (
        "5.0.0", "docker/compose b80bb05", "`--no-env-resolution` reads no env file, not even to see whether it is there",
    )  # fmt: skip
    LISTED_ENV_FILES = (
        "5.0.0", "docker/compose b80bb05", "`config --images` and `--profiles` read the env files of services",
    )  # fmt: skip
    HASHED_ENV_FILES = (
        "5.5.0", "docker/compose 7bc2630", "`config --hash` reads the env files of the services that it hashes",
    )  # fmt: skip
    HOOK_IMAGES = "5.4.0", "docker/compose c9266e6", "`config --images` lists the images of `pre_start`, too"
    UNFILTERED_WARNING = (
        "5.4.0", "docker/compose efb63f2", "services that `--no-interpolate` or `--variables` ignores are warned about",
    )  # fmt: skip


class Dialect(NamedTuple):
    """A release of Docker Compose, by what has changed up to it."""

    version: str
    changes: frozenset[Change]

    def has(self, change: Change) -> bool:
        """Tell whether the release has `change`."""
        return change in self.changes


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _dialect(version: str) -> Dialect:
    last = _number(version)
    return Dialect(version, frozenset(c for c in Change if _number(c.since)[:2] <= last))


DIALECTS: Final[Mapping[str, Dialect]] = {version: _dialect(version) for version in ("5.5", "2.40")}
"""The dialects that can be chosen, by what chooses them."""

CURRENT: Final = DIALECTS["5.5"]
"""The dialect where none is chosen."""

KEYS: Final[Mapping[tuple[str, ...], Change]] = {
    ("services", "*", "build", "no_cache_filter"): Change.NO_CACHE_FILTER,
    ("services", "*", "pre_start"): Change.PRE_START,
}
"""Keys of the schema that not every dialect has."""

UNRELEASED: Final = frozenset(("jobs", "umask", "use_service_name_alias"))
"""Keys of the specification that no release has."""
