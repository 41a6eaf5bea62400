"""From the instructions of a Dockerfile to its stages, and to the one that is built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from compose2fargate.compose.dockerfile.build_stages import (
    REFERENCE,
    BuildStage,
    ImageBuildState,
    Place,
    SubstitutionBudget,
    check_stages,
)
from compose2fargate.compose.dockerfile.dockerfile_lines import (
    DockerfileError,
    Instruction,
    read_instructions,
)
from compose2fargate.compose.dockerfile.dockerfile_variables import VariableScope
from compose2fargate.compose.dockerfile.image_config import MAX_SIZE, ImageConfig
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity
from compose2fargate.text.image_reference import GRAMMAR, is_reference


def read_image_config(
    text: str, place: Place, target: str | None, args: Mapping[str, str], platform: str
) -> tuple[ImageConfig, list[Diagnostic]]:
    """Read the image configuration of a stage; `place` says where a line of `text` stands.

    Raises:
        LoadError: with every problem found, when Docker would refuse the file.
    """
    try:
        return _read(text, place, target, args, platform)
    except DockerfileError as error:
        raise LoadError(_as_diagnostic(error, place)) from None


def _as_diagnostic(error: DockerfileError, place: Place) -> Diagnostic:
    return Diagnostic(
        error.code, Severity.ERROR, error.message, location=place(error.line), hint=error.hint, url=REFERENCE
    )


def _read(
    text: str, place: Place, target: str | None, args: Mapping[str, str], platform: str
) -> tuple[ImageConfig, list[Diagnostic]]:
    if len(text) > MAX_SIZE:
        raise DockerfileError(1, f"the Dockerfile is larger than {MAX_SIZE} characters", code="C2F187")
    instructions, escape, errors = read_instructions(text)
    if errors:
        raise LoadError(_as_diagnostic(error, place) for error in errors)
    before, stages = _stages(instructions)
    name = target or stages[-1].name
    work = SubstitutionBudget(escape)
    scope = _global_scope(before, _predefined(platform, name, args), args, work)
    stages = _resolved(stages, scope, work)
    chain = _chain(stages, _target_index(stages, target))
    build = ImageBuildState(chain[0], args, scope.values, work, place)
    for below, stage in zip((None, *chain), chain, strict=False):
        build.run(stage, below)
    return build.config(chain[-1]), build.findings


# --- stages ---------------------------------------------------------------------------------------------


_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*\Z")


def _stages(instructions: Iterable[Instruction]) -> tuple[list[Instruction], list[BuildStage]]:
    before: list[Instruction] = []
    stages: list[BuildStage] = []
    last = 1
    for instruction in instructions:
        last = instruction.line
        if instruction.keyword == "FROM":
            stages.append(_stage(instruction))
        elif stages:
            stages[-1].body.append(instruction)
        elif instruction.keyword == "ARG":
            before.append(instruction)
        else:
            raise DockerfileError(
                last,
                f"{instruction.keyword} stands before the first FROM",
                "begin with FROM <image>",
                "C2F182",
            )
        check_stages(instruction)
    if not stages:
        raise DockerfileError(last, "the Dockerfile has no FROM", "begin with FROM <image>", "C2F182")
    return before, stages


def _stage(instruction: Instruction) -> BuildStage:
    words = instruction.words
    name = ""
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if not _STAGE_NAME.match(name):
            raise DockerfileError(
                instruction.line,
                f"{words[2][:40]!r} cannot name a stage",
                "begin with a letter; use a-z 0-9 - _ .",
            )
    elif len(words) != 1:
        raise DockerfileError(instruction.line, "FROM takes an image, or an image AS a name")
    platform = instruction.flags.get("platform", "")
    return BuildStage(instruction.line, words[0], name, platform, [])


def _resolved(
    stages: Iterable[BuildStage], scope: VariableScope, work: SubstitutionBudget
) -> list[BuildStage]:
    """Substitute the images and platforms of all stages, and find the stages built on other stages."""
    resolved: list[BuildStage] = []
    indices: dict[str, int] = {}
    for index, stage in enumerate(stages):
        image = work.expand(stage.line, stage.image, scope).text
        if not image:
            raise DockerfileError(
                stage.line, f"the image of FROM {stage.image[:80]} is empty", "give the ARG a default value"
            )
        if image.lower() not in indices and not is_reference(image):
            raise DockerfileError(
                stage.line, f"{image[:80]!r} in FROM is not an image reference", f"write {GRAMMAR}"
            )
        platform = work.expand(stage.line, stage.platform, scope).text
        if stage.platform:
            platform = _platform_text(_parse_platform(stage.line, platform))
        resolved.append(stage._replace(image=image, platform=platform, below=indices.get(image.lower())))
        if stage.name:
            indices[stage.name] = index
    return resolved


def _target_index(stages: Sequence[BuildStage], target: str | None) -> int:
    if not target:
        return len(stages) - 1
    for index in reversed(range(len(stages))):
        if stages[index].name == target.lower():
            return index
    if target.isdecimal() and len(target) < 6 and int(target) < len(stages):
        return int(target)
    names = ", ".join(stage.name or str(index) for index, stage in enumerate(stages[:20]))
    raise DockerfileError(
        stages[-1].line, f"there is no stage {target[:80]!r} to build", f"the stages are: {names}", "C2F183"
    )


def _chain(stages: Sequence[BuildStage], index: int) -> list[BuildStage]:
    chain = [stages[index]]
    while (below := chain[-1].below) is not None:
        chain.append(stages[below])
    return chain[::-1]


# --- platforms and build arguments ----------------------------------------------------------------------

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}
_KNOWN_ARCHITECTURES = frozenset(
    {
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "mips64le",
        "ppc64le",
        "riscv64",
        "s390x",
        "wasm",
        *_ARCHITECTURES,
    }
)
_PLATFORM_PART = re.compile(r"[A-Za-z0-9_.-]+\Z")

_Platform = tuple[str, str, str]


def _parse_platform(line: int, text: str) -> _Platform:
    """Read `os/architecture/variant`, where a single part may be either of the first two."""
    parts = text.lower().split("/")
    if len(parts) > 3 or not all(_PLATFORM_PART.match(part) for part in parts):
        raise DockerfileError(
            line, f"{text[:80]!r} is not a platform", "write os/architecture, for example linux/amd64"
        )
    if len(parts) == 1:
        parts = ["linux", *parts] if parts[0] in _KNOWN_ARCHITECTURES else [*parts, "amd64"]
    system, architecture, variant = (*parts, "")[:3]
    architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
    variant = variant or implied
    if architecture == "arm64" and variant == "v8":
        variant = ""
    return system, architecture, variant or ("v7" if architecture == "arm" else "")


def _platform_text(platform: _Platform) -> str:
    return "/".join(part for part in platform if part)


def _predefined(platform: str, target: str, args: Mapping[str, str]) -> dict[str, str]:
    """Give the arguments that BuildKit sets itself; it builds on the platform that it builds for.

    https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
    """
    parsed = _parse_platform(1, platform)
    values = {"TARGETSTAGE": target or "default"}
    for side in ("BUILD", "TARGET"):
        values[f"{side}PLATFORM"] = _platform_text(parsed)
        values[f"{side}OS"], values[f"{side}ARCH"], values[f"{side}VARIANT"] = parsed
        values[f"{side}OSVERSION"] = ""
    return {name: args.get(name, value) for name, value in values.items()}


def _global_scope(
    before: Iterable[Instruction], values: dict[str, str], args: Mapping[str, str], work: SubstitutionBudget
) -> VariableScope:
    scope = VariableScope(values)
    for instruction in before:
        for name, default in instruction.pairs:
            if name in args:
                values[name] = args[name]
            elif default is not None:
                values[name] = work.expand(instruction.line, default, scope).text
    return scope
