"""The tree of errors, each with all the diagnostics that were found before it was raised."""

from __future__ import annotations

from collections.abc import Iterable

from compose2fargate.diagnostics.diagnostic import Diagnostic


class Compose2FargateError(Exception):
    """Anything this package raises on purpose; carries at least one diagnostic."""

    exit_code = 2

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__("; ".join(f"{d.location or ''} {d.message}".strip() for d in self.diagnostics))


class InputError(Compose2FargateError):
    """The files, the options or the settings are at fault: exit code 2."""


class UsageError(InputError):
    """An option or an argument is at fault."""


class LoadError(InputError):
    """The compose files cannot be read as they are."""


class MapError(InputError):
    """The project cannot be translated to Fargate as it is."""


class EmitError(InputError):
    """The artefacts cannot be rendered or written."""


class BuildError(Compose2FargateError):
    """An image could not be built or pushed: exit code 1."""

    exit_code = 1


class AwsError(Compose2FargateError):
    """AWS refused, or could not be reached: exit code 3."""

    exit_code = 3
