"""What the program has to say about its input: values, never prints.

Every function that finds something to report returns or appends a `Diagnostic`. A function that cannot
go on raises the error of its stage, which carries *all* diagnostics found so far:

    Compose2FargateError            anything this package raises on purpose
    ├── InputError                  exit code 2: the files, the options or the settings are at fault
    │   ├── UsageError              an option or argument
    │   ├── LoadError               reading the compose files (C2F1xx)
    │   ├── MapError                translating to Fargate (C2F2xx)
    │   └── EmitError               rendering or writing the artefacts (C2F3xx)
    ├── BuildError                  exit code 1: an image could not be built or pushed
    └── AwsError                    exit code 3: AWS refused, or could not be reached (C2F4xx)

Code ranges: C2F1xx loading, C2F2xx mapping, C2F3xx emitting, C2F4xx applying, C2F500-C2F519 mapping, continued,
C2F550-C2F569 rehearsing. A released number is never
reused for something else.
"""

from __future__ import annotations

from compose2fargate.diagnostics.diagnostic import (
    Diagnostic,
    Location,
    Path,
    Severity,
    has_errors,
    sort_key,
)
from compose2fargate.diagnostics.errors import (
    AwsError,
    BuildError,
    Compose2FargateError,
    EmitError,
    InputError,
    LoadError,
    MapError,
    UsageError,
)

__all__ = [
    "AwsError",
    "BuildError",
    "Compose2FargateError",
    "Diagnostic",
    "EmitError",
    "InputError",
    "LoadError",
    "Location",
    "MapError",
    "Path",
    "Severity",
    "UsageError",
    "has_errors",
    "sort_key",
]
