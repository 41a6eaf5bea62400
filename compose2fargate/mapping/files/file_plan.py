"""How the files of a service get into its container, as values that are decided before it is mapped."""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.aws.api_values import Text
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.files.host_files import MISSING, HostFile
from compose2fargate.records import NamedTuple


class MountedFile(NamedTuple):
    """One file, or folder, that is to be in a container.

    Attributes:
        path: The key that asks for it.
        target: Where it goes.
        source: Its absolute path here; "" for a text, and for a secret.
        text: Its content, where that is known, short and no secret.
        value: What a secret's value is read from when the task starts.
        owner: `UID:GID`, `UID` or `:GID`; "" leaves it to root.
        mode: Octal permissions; "" keeps those of `source`.
        found: What is at `source`.
        left_out: Paths below a folder that are not taken along.
        image: The image that it is taken from, for a mount of type image; `subpath` is where in it.
        subpath: See `image`.
        mounted: Whether a volume at `target` has to show it, since one above it hides the image's own files.
    """

    path: Path
    target: str
    source: str = ""
    text: str | None = None
    value: Text | None = None
    owner: str = ""
    mode: str = ""
    found: HostFile = MISSING
    left_out: tuple[str, ...] = ()
    image: str = ""
    subpath: str = ""
    mounted: bool = False


class FilePlan(NamedTuple):
    """How the files of one service get into its container.

    Attributes:
        written: By an init container.
        copied: Into an image that derives from the service's own.
        data: Index of a bind mount to the key of the volume that it becomes, and the path in it.
    """

    written: tuple[MountedFile, ...] = ()
    copied: tuple[MountedFile, ...] = ()
    data: Mapping[int, tuple[str, str]] = {}


class FilePlans(NamedTuple):
    """How the files of all services get into their containers.

    Attributes:
        plans: By service.
        twins: Service to the one whose derived image it runs, since its own would be the same.
    """

    plans: Mapping[str, FilePlan]
    twins: Mapping[str, str]
