"""Writes down how images are built and pushed, with nothing but a builder and the AWS CLI: a script, a buildspec, a workflow.

What is written is the user's: it stays useful without this program.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from compose2fargate.aws.image_build import ContextFile, ImageBuild
from compose2fargate.aws.resources import Repository
from compose2fargate.credentials import is_build_secret
from compose2fargate.images.build_order import in_order
from compose2fargate.images.builders import Builder, BuilderPaths, build_steps, context_of
from compose2fargate.images.content_digest import find_ignore_file, is_remote
from compose2fargate.images.workspace import resolve_context
from compose2fargate.records import NamedTuple
from compose2fargate.text.shell_text import (
    ShellVariable,
    comment,
    here_document,
    json_option,
    option,
    quote,
    refused,
    word,
)
from compose2fargate.text.yaml_text import block, scalar_text

_REGISTRY: Final = "\0REGISTRY\0"
_TAG: Final = "\0TAG\0"
_CONTEXT: Final = "\0CONTEXT\0"
"""Variables of the script in words that are put together before they are spelled; no argument of a program holds a NUL."""
_VARIABLES: Final = re.compile("\0(REGISTRY|TAG|CONTEXT)\0")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ACTIONS: Final[Mapping[str, str]] = {
    "actions/checkout": "11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
    "aws-actions/configure-aws-credentials": "b47578312673ae6fa5b5096b330d9fbac3d116df # v4.2.1",
    "docker/setup-qemu-action": "29109295f81e9208d7d86ff1c6c12d2833863392 # v3.6.0",
    "docker/setup-buildx-action": "e468171a9de216ec08956ac3ada2f0791b6bd435 # v3.11.1",
}
"""Actions of others, each by the commit of a release: a tag can be moved to other code."""


class PushScriptPlan(NamedTuple):
    """What is to be written down.

    Attributes:
        project: The project's name.
        folder: The project's folder, which paths are relative to.
        builds: The images.
        repositories: The repositories they go to.
        region: The region; "" leaves it to the environment.
        account: The account; "" asks AWS.
        registry: A registry that is not ECR; "" for ECR.
        builder: docker, podman or buildah.
    """

    project: str
    folder: str
    builds: Sequence[ImageBuild]
    repositories: Sequence[Repository]
    region: str
    account: str
    registry: str
    builder: str


def shell_script(plan: PushScriptPlan) -> str:
    """Give the shell script that does what `push` does, apart from the lock file."""
    head = [
        "#!/bin/sh",
        comment(f"Builds the images of {plan.project} and pushes them. Run it in the project's folder."),
        f"# Needs {plan.builder}{'' if plan.registry else ' and the AWS CLI'}.",
        "set -eu",
        "",
        *_settings(plan, "$(git rev-parse --short=12 HEAD)"),
    ]
    sections = [_titled(title, commands) for title, commands in _sections(plan) if commands]
    tail = ['printf \'%s\\n\' "The images carry this tag: $TAG" "    compose2fargate convert --tag $TAG"']
    return "\n".join([*head, *(line for section in sections for line in ("", *section)), "", *tail]) + "\n"


def buildspec(plan: PushScriptPlan) -> str:
    """Give a buildspec of CodeBuild: https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html."""
    arm = _needs(plan, "linux/arm64")
    head = [
        comment(f"Builds the images of {plan.project} and pushes them."),
        "# The CodeBuild project needs privileged mode (for Docker), and a role that may push:",
        "# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html",
        *(["# Its environment type is ARM_CONTAINER: the tasks run on ARM."] if arm else []),
        *(
            comment(
                f"The build needs the variable {name}; let env: parameter-store: or secrets-manager: supply it."
            )
            for name in _variables(plan)
        ),
        "version: 0.2",
        "",
        "env:",
        "  shell: bash",
        "",
        "phases:",
    ]
    commit = "$(printf '%.12s' \"$CODEBUILD_RESOLVED_SOURCE_VERSION\")"
    repositories, login, *builds = _sections(plan)
    lines = [*head, "  pre_build:", "    commands:"]
    for setting in _settings(plan, commit):
        lines += block(setting, "      - ", "        ")
    for title, commands in (repositories, login):
        lines += _commands(title, commands)
    lines += ["  build:", "    commands:"]
    for title, commands in builds:
        lines += _commands(title, commands)
    return "\n".join(lines) + "\n"


def _commands(title: str, commands: Sequence[str]) -> Iterator[str]:
    """An item for each command: CodeBuild looks at the status of each, and of a block at that of its end only."""
    if commands:
        yield f"      {comment(title)}"
    for command in commands:
        yield from block(command, "      - ", "        ")


def workflow(plan: PushScriptPlan) -> str:
    """Give a GitHub workflow that signs in to AWS with OIDC: no access key is stored anywhere.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
    """
    lines = _workflow_head(plan)
    variables = _variables(plan)
    if variables:
        lines += ["        env:", *(f"          {name}: ${{{{ secrets.{name} }}}}" for name in variables)]
    script = [*_settings(plan, "$(printf '%.12s' \"$GITHUB_SHA\")")]
    for title, commands in _sections(plan):
        script += ["", *_titled(title, commands)] if commands else []
    run = block(_inert("\n".join(script)), "        run: ", "          ")
    return "\n".join([*lines, *run]) + "\n"


def _workflow_head(plan: PushScriptPlan) -> list[str]:
    """Give the workflow up to the step that builds."""
    arm, intel = _needs(plan, "linux/arm64"), _needs(plan, "linux/amd64")
    return [
        comment(f"Builds the images of {plan.project} and pushes them."),
        "# The variable AWS_ROLE_ARN names a role that GitHub may assume (OIDC) and that may push:",
        "# https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws",
        "name: Push images",
        "",
        "on:",
        "  push:",
        "    branches: [main]",
        "  workflow_dispatch:",
        "",
        "permissions:",
        "  contents: read",
        "  id-token: write # the token that AWS exchanges for credentials",
        "",
        "jobs:",
        "  push:",
        f"    runs-on: {'ubuntu-24.04-arm' if arm and not intel else 'ubuntu-24.04'}",
        "    steps:",
        _uses("actions/checkout"),
        _uses("aws-actions/configure-aws-credentials"),
        "        with:",
        "          role-to-assume: ${{ vars.AWS_ROLE_ARN }}",
        f"          aws-region: {scalar_text(_inert(plan.region)) if plan.region else '${{ vars.AWS_REGION }}'}",
        *(
            ["      # for the images of the other architecture", _uses("docker/setup-qemu-action")]
            if arm and intel
            else []
        ),
        _uses("docker/setup-buildx-action"),
        *_secret_files(plan),
        "      - name: Build and push",
    ]


def _uses(action: str) -> str:
    return f"      - uses: {action}@{_ACTIONS[action]}"


def _inert(text: str) -> str:
    """Give a text of a workflow in which nothing is an expression: GitHub puts values in place of `${{ … }}` in all texts."""
    return text.replace("${{", "${{ '${{' }}")


SCRIPTS: Final[Mapping[str, tuple[str, Callable[[PushScriptPlan], str]]]] = {
    "codebuild": ("buildspec.yml", buildspec),
    "github": (".github/workflows/push-images.yml", workflow),
}
"""By target: the file in which it is looked for, and what writes it."""


# -- parts ---------------------------------------------------------------------------------------------------


def _settings(plan: PushScriptPlan, commit: str) -> Iterator[str]:
    yield f"TAG=${{TAG:-{commit}}}"
    if plan.registry:
        yield f"REGISTRY={quote(plan.registry)}"
        return
    yield (
        f"REGION=${{AWS_REGION:-{quote(plan.region)}}}"
        if plan.region
        else 'REGION=${AWS_REGION:?"set AWS_REGION"}'
    )
    asked = "$(aws sts get-caller-identity --query Account --output text)"
    yield f"ACCOUNT={quote(plan.account) if plan.account else asked}"
    suffix = ".cn" if plan.region.startswith("cn-") else ""
    yield f"REGISTRY=$ACCOUNT.dkr.ecr.$REGION.amazonaws.com{suffix}"


def _sections(plan: PushScriptPlan) -> Iterator[tuple[str, list[str]]]:
    """Yield what is done, in order: repositories, login, then a section for each image."""
    created = [] if plan.registry else [line for r in plan.repositories for line in _create(r)]
    yield "the repositories, where they are missing", created
    login = f'aws ecr get-login-password --region "$REGION" | {plan.builder} login --username AWS --password-stdin "$REGISTRY"'
    yield (
        "the login: the token goes through the pipe, never on a command line",
        [] if plan.registry else [login],
    )
    for build in in_order(plan.builds):
        yield f"{build.key}, for {build.platform}", list(_build(plan, build))


def _create(repository: Repository) -> Iterator[str]:
    name = repository.repository_name
    tags = [{"Key": tag.key, "Value": tag.value} for tag in repository.tags]
    asked = f'aws ecr describe-repositories --region "$REGION" {option("repository-names", name)} >/dev/null 2>&1 ||'
    options = [
        'aws ecr create-repository --region "$REGION"',
        option("repository-name", name),
        option("image-tag-mutability", repository.image_tag_mutability),
        f"--image-scanning-configuration scanOnPush={str(repository.scan_on_push).lower()}",
        *([json_option("tags", tags)] if tags else []),
    ]
    yield f"{asked}\n  " + " ".join(options) + " >/dev/null"


def _build(plan: PushScriptPlan, build: ImageBuild) -> Iterator[str]:
    places, before, text = _places(plan, build)
    yield from before
    tags = {b.key: _tag(b) for b in plan.builds}
    reference = f"{_REGISTRY}/{build.repository}:{tags[build.key]}"
    shown = build._replace(
        args={name: None if is_build_secret(name) else value for name, value in build.args.items()}
    )
    commands = build_steps(Builder(plan.builder, plan.builder), shown, (reference, *build.tags), places)
    for number, step in enumerate(commands):
        line = _wrapped(step.arguments)
        yield line if number or text is None else f"{line} {here_document(text)}"


def _tag(build: ImageBuild) -> str:
    return build.tag or (f"{_TAG}-files" if build.base == build.service else _TAG)


def _places(plan: PushScriptPlan, build: ImageBuild) -> tuple[BuilderPaths, list[str], str | None]:
    """Give where things are, what has to be done before, and the Dockerfile where it comes through stdin."""
    pushed = {b.key: f"{_REGISTRY}/{b.repository}:{_tag(b)}" for b in plan.builds}
    context, dockerfile = context_of(build)
    before: list[str] = []
    if build.context is None:
        context, before = (
            _CONTEXT,
            ["CONTEXT=$(mktemp -d)", *(line for f in build.files for line in _stage(plan, f))],
        )
    elif not is_remote(context):
        context, dockerfile = _relative(plan, context), _relative(plan, dockerfile)
    ignore = find_ignore_file(build)
    places = BuilderPaths(
        dockerfile="-" if build.dockerfile_text is not None else dockerfile,
        context=context,
        digest="",
        secrets={s.id: _secret(plan, s.file, s.environment) for s in build.secrets},
        contexts={
            name: _relative(plan, value) if os.path.isabs(value) else resolve_context(value, pushed)
            for name, value in build.additional_contexts.items()
        },
        base=pushed[build.base] if build.base else "",
        ignore=_relative(plan, ignore) if ignore and not ignore.endswith("/.dockerignore") else "",
    )
    return places, before, build.dockerfile_text


def _stage(plan: PushScriptPlan, file: ContextFile) -> Iterator[str]:
    target = _word(f"{_CONTEXT}/{file.path}")
    folder = posixpath.dirname(file.path)
    if folder:
        yield f"mkdir -p {_word(f'{_CONTEXT}/{folder}')}"
    if file.text is not None:
        yield f"printf '%s' {quote(file.text)} > {target}"
    else:
        yield f"cp -R {quote(_relative(plan, file.source))} {target}"
    if file.mode is not None:
        yield f"chmod {file.mode:o} {target}"


def _secret(plan: PushScriptPlan, file: str | None, variable: str | None) -> str:
    if file:
        return f"src={_relative(plan, file)}"
    kind = "" if plan.builder == "docker" else "type=env,"
    return f"{kind}env={variable}"


def _relative(plan: PushScriptPlan, path: str) -> str:
    path = os.path.relpath(path, plan.folder).replace(os.sep, "/")
    return f"./{path}" if path.startswith("-") else path  # no option


def _needs(plan: PushScriptPlan, platform: str) -> bool:
    return any(build.platform == platform for build in plan.builds)


def _variables(plan: PushScriptPlan) -> list[str]:
    """The variables that a build takes secrets from.

    Raises:
        EmitError: A name cannot be that of a variable.
    """
    names = [secret.environment for b in plan.builds for secret in b.secrets if secret.environment]
    names += [name for b in plan.builds for name in b.args if is_build_secret(name)]
    for name in names:
        if not _VARIABLE.fullmatch(name):
            raise refused(name, "is not the name of a variable")
    return sorted(set(names))


def _secret_files(plan: PushScriptPlan) -> Iterator[str]:
    """A step of the workflow for each file that a build reads a secret from: it is not in the repository, hopefully."""
    files = {secret.file: secret.id for b in plan.builds for secret in b.secrets if secret.file}
    for file, name in sorted(files.items()):
        path = quote(_relative(plan, file))
        variable = re.sub(r"[^A-Za-z0-9_]", "_", name).upper()
        variable = f"_{variable}" if variable[:1].isdigit() else variable
        yield f"      - name: {scalar_text(_inert(f'Write {name}, which a build reads'))}"
        yield "        env:"
        yield f"          {variable}: ${{{{ secrets.{variable} }}}}"
        yield from block(
            _inert(f"umask 077 && printf '%s' \"${variable}\" > {path}"), "        run: ", "          "
        )


# -- spelling ------------------------------------------------------------------------------------------------


def _titled(title: str, commands: Iterable[str]) -> list[str]:
    return [comment(title), *commands]


def _wrapped(arguments: Sequence[str]) -> str:
    """One option with its value a line: a change of one reads as a change of one line."""
    lines: list[list[str]] = [[]]
    for number, argument in enumerate(arguments):
        if argument.startswith("--") or number == len(arguments) - 1:
            lines.append([])
        lines[-1].append(_word(argument))
    return " \\\n  ".join(" ".join(line) for line in lines if line)


def _word(text: str) -> str:
    """Give a word in which our own variables are left to the shell."""
    pieces = _VARIABLES.split(text)
    return word(ShellVariable(piece) if number % 2 else piece for number, piece in enumerate(pieces))
