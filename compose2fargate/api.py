"""The pipeline as functions: translate, convert, check, explain, write.

conversion = convert(LoadOptions(files=("compose.yaml",), environment=os.environ), {"region": "eu-central-1"})
write(conversion.artifacts, "fargate")
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import (
    Diagnostic,
    MapError,
    Severity,
    has_errors,
    sort_key,
)
from compose2fargate.emitters import Artifacts, Emitter, load_emitter
from compose2fargate.emitters.derived_dockerfiles import derived_dockerfiles
from compose2fargate.mapping.coverage import AccountedKey
from compose2fargate.mapping.coverage_table import ROWS
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.sync.manifest import unpacked
from compose2fargate.workflows.output_folder import MANIFEST, manifest_text, write

if TYPE_CHECKING:
    from compose2fargate.aws.observation import Observation
    from compose2fargate.aws.stack import Stack
    from compose2fargate.mapping.explanation import KeyExplanation as KeyExplanation  # noqa: PLC0414 - part of this module's interface
    from compose2fargate.mapping.images.image_catalogue import KnownImage as KnownImage  # noqa: PLC0414 - part of this module's interface
    from compose2fargate.sync.check_result import FolderState
    from compose2fargate.sync.manifest import Manifest
    from compose2fargate.workflows.checking import CheckPaths, RegeneratedFiles
    from compose2fargate.workflows.kept_options import KeptOptions as KeptOptions  # noqa: PLC0414 - part of this module's interface

from compose2fargate.workflows.recorded_inputs import UNRECORDED, manifest_content, recorded_load_options
from compose2fargate.workflows.translating import Translated, translate

__all__ = [
    "MANIFEST",
    "AccountedKey",
    "CheckOptions",
    "Conversion",
    "LoadOptions",
    "Translated",
    "check",
    "convert",
    "coverage_table",
    "explain_code",
    "explain_keys",
    "find_folders",
    "keep_options",
    "translate",
    "write",
]


class Conversion(NamedTuple):
    """The artefacts of one target, the manifest among them, and everything there is to say."""

    project: str
    artifacts: Artifacts
    diagnostics: tuple[Diagnostic, ...]
    losses: tuple[str, ...] = ()
    """What `--strict` does not let pass: the codes of all warnings, and of what is approximated, unless they are allowed."""
    translated: Translated | None = None
    """What the artefacts were made of."""


def explain_keys(
    translated: Translated, keys: Iterable[AccountedKey] | None = None
) -> Iterator[KeyExplanation]:
    """Explain each key of the files, or of `keys`: what became of it, where it shows, and why."""
    from compose2fargate.emitters.json_files.json_target import readable_resolver
    from compose2fargate.mapping.explanation import explain_keys as explanations

    made = translated.translation
    return explanations(
        translated.accounted if keys is None else keys,
        translated.project,
        made.stack,
        translated.diagnostics,
        readable_resolver(made.stack, translated.settings),
        made.references,
    )


def coverage_table() -> tuple[AccountedKey, ...]:
    """Give every key of the specification, with `*` for names and list items, and what becomes of it."""
    return tuple(AccountedKey(tuple(pattern.split(".")), None, row) for pattern, row in ROWS.items())


class CodeExplanation(NamedTuple):
    """What a code of a diagnostic means: its title, what causes it, an example, and what mends it."""

    code: str
    title: str
    cause: str
    example: str
    mend: str


def explain_code(code: str) -> CodeExplanation | None:
    """Explain a code, such as `C2F230`; None where there is no such code."""
    from compose2fargate.diagnostics.codes import CODES
    from compose2fargate.schema_files import read_data

    title, known = CODES.get(code), read_data("codes").get(code)
    return None if title is None or known is None else CodeExplanation(code, title, **known)


def known_images() -> tuple[KnownImage, ...]:
    """Give what is known of each image that the mapping knows, by name."""
    from compose2fargate.mapping.images.image_catalogue import images

    return tuple(images())


def convert(
    options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    *,
    target: str = "json",
    folder: str = ".",
    stdin: TextIO | None = None,
) -> Conversion:
    """Translate a project and render it for `target`; write nothing.

    Args:
        options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`.
        target: The name of an emitter.
        folder: Where the artefacts are going to stand: the manifest's paths are relative to it.
        stdin: What the file `-` reads.

    Raises:
        InputError: The project cannot be read, or not be translated; with every finding.
    """
    emitter = load_emitter(target)
    translated = translate(options, flags, stdin=stdin)
    if has_errors(translated.diagnostics):
        raise MapError(translated.diagnostics)
    artifacts = _artifacts(emitter, translated, os.path.join(options.cwd, folder))
    text = manifest_text(manifest_content(translated, options, target, folder, artifacts), artifacts)
    notes = getattr(emitter, "notes", None)  # a target may have something of its own to say
    own = tuple(notes(artifacts, translated.settings)) if notes else ()
    diagnostics = (
        tuple(sorted((*translated.diagnostics, *own), key=sort_key)) if own else translated.diagnostics
    )
    losses = tuple(sorted({d.code for d in translated.diagnostics if _is_loss(d, translated.settings)}))
    return Conversion(translated.project.name, {**artifacts, MANIFEST: text}, diagnostics, losses, translated)


APPROXIMATED = "C2F202"


def _is_loss(found: Diagnostic, settings: Settings) -> bool:
    """Whether a finding says that Fargate does something else than the file asks for."""
    return found.code not in settings.allow and (
        found.severity is Severity.WARNING or found.code == APPROXIMATED
    )


def _artifacts(emitter: Emitter, translated: Translated, folder: str) -> dict[str, str]:
    """Give what goes into `folder`: what the target writes, and the Dockerfiles that every target's images need."""
    translation = translated.translation
    return {
        **emitter.emit(translation.stack, translated.settings),
        **derived_dockerfiles(translation.builds, folder),
    }


def keep_options(
    options: LoadOptions, flags: Mapping[str, Any], folder: str, *, inside: str = ""
) -> KeptOptions:
    """Add to what a run is told what the last run in `folder` was told; see `kept_options`."""
    from compose2fargate.workflows.kept_options import keep_options as keep

    return keep(options, flags, folder, inside=inside)


class CheckOptions(NamedTuple):
    """How far `check` goes.

    Attributes:
        fix: Whether to write anew what is out of sync.
        force: Whether that goes for files that were edited by hand, too.
        live: Whether to compare with what is registered in AWS, too; the only use of credentials.
        region: Where that is; "" for the recorded region, or that of boto3's own chain.
        profile: A profile of the AWS configuration.
    """

    fix: bool = False
    force: bool = False
    live: bool = False
    region: str = ""
    profile: str = ""


def check(
    folder: str,
    options: CheckOptions | None = None,
    *,
    environment: Mapping[str, str],
    cwd: str = ".",
    stdin: TextIO | None = None,
) -> FolderState:
    """Generate in memory what the manifest in `folder` describes, and compare; write nothing unless asked to.

    Args:
        folder: A folder that `convert` wrote.
        options: How far to go; compares with the compose files only by default.
        environment: The variables of the process; those that choose files or settings do not count.
        cwd: Where `folder` starts from.
        stdin: What the file `-` reads, where the folder was made from that.

    Raises:
        AwsError: With `live`, AWS refused or could not be reached. Everything else is in the result.
    """
    chosen = options or CheckOptions()
    from compose2fargate.workflows.checking import check_folder

    made: list[Translated] = []

    def regenerate(recorded: Manifest, place: CheckPaths) -> RegeneratedFiles:
        made.append(_translate_again(recorded, place, environment, stdin))
        return _regenerate(recorded, place, environment, made[0])

    def observe(stack: Stack, recorded: Manifest) -> Sequence[Observation]:
        from compose2fargate.apply.day_two.registered_state import read_registered_state

        region = chosen.region or str(recorded.settings.get("region", ""))
        return read_registered_state(stack, region=region, profile=chosen.profile)

    look = observe if chosen.live else None
    state = check_folder(folder, cwd, regenerate, fix=chosen.fix, force=chosen.force, observe=look)
    return state._replace(made_from=next(iter(made), None))


def find_folders(paths: Sequence[str], cwd: str = ".") -> list[str]:
    """Find the folders that hold a manifest: each of `paths`, or those below it.

    Raises:
        InputError: There is none in or below one of `paths`.
    """
    from compose2fargate.workflows.checking import find_generated_folders

    return find_generated_folders(paths, cwd)


def _translate_again(
    recorded: Manifest, place: CheckPaths, environment: Mapping[str, str], stdin: TextIO | None
) -> Translated:
    """Translate again what a manifest says was translated, whatever the surroundings would choose."""
    options = recorded_load_options(recorded, place, environment)
    load_emitter(recorded.target)  # one that is gone is told before anything about the project
    unrecorded = {name: environment[name] for name in UNRECORDED if name in environment}
    translated = translate(options, recorded.settings, stdin=stdin, settings_from=unrecorded)
    if has_errors(translated.diagnostics):
        raise MapError(translated.diagnostics)
    return translated


def _regenerate(
    recorded: Manifest, place: CheckPaths, environment: Mapping[str, str], translated: Translated
) -> RegeneratedFiles:
    """Make again what a manifest says was made."""
    from compose2fargate.workflows.checking import RegeneratedFiles

    options = recorded_load_options(recorded, place, environment)
    emitter = load_emitter(recorded.target)
    stack = translated.translation.stack
    base = os.path.relpath(os.path.join(place.cwd, place.folder), place.home)
    artifacts = _artifacts(emitter, translated, os.path.join(options.cwd, base))
    content = manifest_content(translated, options, recorded.target, base, artifacts)
    return RegeneratedFiles(
        translated.loaded,
        stack,
        {name: service.container_name or "" for name, service in translated.project.services.items()},
        content["inputs"],
        unpacked(content["keys"]),
        artifacts,
        lambda: manifest_text(content, artifacts),
    )
