"""Writes down how images are built and pushed, with nothing but a builder and the AWS CLI: a script, a buildspec, a workflow.

What is written is the user's: it stays useful without this program.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from compose2fargate.aws.builds import ContextFile, ImageBuild
from compose2fargate.aws.resources import Repository
from compose2fargate.images.builders import Builder, Places, context_of, steps
from compose2fargate.images.content import find_ignore_file, is_remote, looks_secret
from compose2fargate.images.order import in_order
from compose2fargate.images.workspace import resolve_context

_REGISTRY: Final = "${REGISTRY}"
_TAG: Final = "${TAG}"
_CONTEXT: Final = "${CONTEXT}"
_PLACEHOLDERS: Final = re.compile(r"(\$\{(?:REGISTRY|TAG|CONTEXT)\})")
_END: Final = "END_OF_FILE"


class Plan(NamedTuple):
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


def shell_script(plan: Plan) -> str:
    """Give the shell script that does what `push` does, apart from the lock file."""
    head = [
        "#!/bin/sh",
        f"# Builds the images of {plan.project} and pushes them. Run it in the project's folder.",
        f"# Needs {plan.builder}{'' if plan.registry else ' and the AWS CLI'}.",
        "set -eu",
        "",
        *_settings(plan, "$(git rev-parse --short=12 HEAD)"),
    ]
    sections = [_titled(title, commands) for title, commands in _sections(plan) if commands]
    tail = ['printf \'%s\\n\' "The images carry this tag: $TAG" "    compose2fargate convert --tag $TAG"']
    return "\n".join([*head, *(line for section in sections for line in ("", *section)), "", *tail]) + "\n"


def buildspec(plan: Plan) -> str:
    """Give a buildspec of CodeBuild: https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html."""
    arm = _needs(plan, "linux/arm64")
    head = [
        f"# Builds the images of {plan.project} and pushes them.",
        "# The CodeBuild project needs privileged mode (for Docker), and a role that may push:",
        "# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html",
        *(["# Its environment type is ARM_CONTAINER: the tasks run on ARM."] if arm else []),
        *(
            f"# The build needs the variable {name}; let env: parameter-store: or secrets-manager: supply it."
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
        lines += _block([setting], "      - |", "        ")
    for title, commands in (repositories, login):
        lines += _commands(title, commands)
    lines += ["  build:", "    commands:"]
    for title, commands in builds:
        lines += _commands(title, commands)
    return "\n".join(lines) + "\n"


def _commands(title: str, commands: Sequence[str]) -> Iterator[str]:
    """An item for each command: CodeBuild looks at the status of each, and of a block at that of its end only."""
    if commands:
        yield f"      # {title}"
    for command in commands:
        yield from _block([command], "      - |", "        ")


def workflow(plan: Plan) -> str:
    """Give a GitHub workflow that signs in to AWS with OIDC: no access key is stored anywhere.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws
    """
    arm, intel = _needs(plan, "linux/arm64"), _needs(plan, "linux/amd64")
    lines = [
        f"# Builds the images of {plan.project} and pushes them.",
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
        "      - uses: actions/checkout@v4",
        "      - uses: aws-actions/configure-aws-credentials@v4",
        "        with:",
        "          role-to-assume: ${{ vars.AWS_ROLE_ARN }}",
        f"          aws-region: {plan.region or '${{ vars.AWS_REGION }}'}",
        *(
            ["      - uses: docker/setup-qemu-action@v3 # for the images of the other architecture"]
            if arm and intel
            else []
        ),
        "      - uses: docker/setup-buildx-action@v3",
        *_secret_files(plan),
        "      - name: Build and push",
    ]
    variables = _variables(plan)
    if variables:
        lines += ["        env:", *(f"          {name}: ${{{{ secrets.{name} }}}}" for name in variables)]
    script = [*_settings(plan, "$(printf '%.12s' \"$GITHUB_SHA\")")]
    for title, commands in _sections(plan):
        script += ["", *_titled(title, commands)] if commands else []
    return "\n".join([*lines, *_block(script, "        run: |", "          ")]) + "\n"


SCRIPTS: Final[Mapping[str, tuple[str, Callable[[Plan], str]]]] = {
    "codebuild": ("buildspec.yml", buildspec),
    "github": (".github/workflows/push-images.yml", workflow),
}
"""By target: the file in which it is looked for, and what writes it."""


# -- parts ---------------------------------------------------------------------------------------------------


def _settings(plan: Plan, commit: str) -> Iterator[str]:
    yield f"TAG=${{TAG:-{commit}}}"
    if plan.registry:
        yield f"REGISTRY={_quote(plan.registry)}"
        return
    yield (
        f"REGION=${{AWS_REGION:-{plan.region}}}" if plan.region else 'REGION=${AWS_REGION:?"set AWS_REGION"}'
    )
    asked = "$(aws sts get-caller-identity --query Account --output text)"
    yield f"ACCOUNT={plan.account or asked}"
    suffix = ".cn" if plan.region.startswith("cn-") else ""
    yield f"REGISTRY=$ACCOUNT.dkr.ecr.$REGION.amazonaws.com{suffix}"


def _sections(plan: Plan) -> Iterator[tuple[str, list[str]]]:
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
    name = _quote(repository.repository_name)
    tags = [f"Key={tag.key},Value={tag.value}" for tag in repository.tags]
    asked = f'aws ecr describe-repositories --region "$REGION" --repository-names {name} >/dev/null 2>&1 ||'
    words = [
        'aws ecr create-repository --region "$REGION"',
        f"--repository-name {name}",
        f"--image-tag-mutability {repository.image_tag_mutability}",
        f"--image-scanning-configuration scanOnPush={str(repository.scan_on_push).lower()}",
        *(["--tags " + " ".join(map(_quote, tags))] if tags else []),
    ]
    yield f"{asked}\n  " + " ".join(words) + " >/dev/null"


def _build(plan: Plan, build: ImageBuild) -> Iterator[str]:
    places, before, text = _places(plan, build)
    yield from before
    tags = {b.key: _tag(b) for b in plan.builds}
    reference = f"{_REGISTRY}/{build.repository}:{tags[build.key]}"
    shown = build._replace(
        args={name: None if looks_secret(name) else value for name, value in build.args.items()}
    )
    commands = steps(Builder(plan.builder, plan.builder), shown, (reference, *build.tags), places)
    for number, step in enumerate(commands):
        line = _wrapped(step.arguments)
        yield line if number or text is None else f"{line} {_here(text)}"


def _here(text: str) -> str:
    """Give a text through stdin, as it is."""
    end = _END
    while end in text.splitlines():
        end += "_"
    return f"<<'{end}'\n{text.rstrip()}\n{end}"


def _tag(build: ImageBuild) -> str:
    return build.tag or (f"{_TAG}-files" if build.base == build.service else _TAG)


def _places(plan: Plan, build: ImageBuild) -> tuple[Places, list[str], str | None]:
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
    places = Places(
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


def _stage(plan: Plan, file: ContextFile) -> Iterator[str]:
    target = f"{_CONTEXT}/{file.path}"
    folder = posixpath.dirname(file.path)
    if folder:
        yield f"mkdir -p {_quote(f'{_CONTEXT}/{folder}')}"
    if file.text is not None:
        yield f"printf '%s' {_quote(file.text)} > {_quote(target)}"
    else:
        yield f"cp -R {_quote(_relative(plan, file.source))} {_quote(target)}"
    if file.mode is not None:
        yield f"chmod {file.mode:o} {_quote(target)}"


def _secret(plan: Plan, file: str | None, variable: str | None) -> str:
    if file:
        return f"src={_relative(plan, file)}"
    kind = "" if plan.builder == "docker" else "type=env,"
    return f"{kind}env={variable}"


def _relative(plan: Plan, path: str) -> str:
    return os.path.relpath(path, plan.folder).replace(os.sep, "/")


def _needs(plan: Plan, platform: str) -> bool:
    return any(build.platform == platform for build in plan.builds)


def _variables(plan: Plan) -> list[str]:
    """The variables that a build takes secrets from."""
    names = [secret.environment for b in plan.builds for secret in b.secrets if secret.environment]
    names += [name for b in plan.builds for name in b.args if looks_secret(name)]
    return sorted(set(names))


def _secret_files(plan: Plan) -> Iterator[str]:
    """A step of the workflow for each file that a build reads a secret from: it is not in the repository, hopefully."""
    files = {secret.file: secret.id for b in plan.builds for secret in b.secrets if secret.file}
    for file, name in sorted(files.items()):
        path = _quote(_relative(plan, file))
        variable = re.sub(r"\W", "_", name).upper()
        yield f"      - name: Write {name}, which a build reads"
        yield "        env:"
        yield f"          {variable}: ${{{{ secrets.{variable} }}}}"
        yield f"        run: umask 077 && printf '%s' \"${variable}\" > {path}"


# -- spelling ------------------------------------------------------------------------------------------------


def _titled(title: str, commands: Iterable[str]) -> list[str]:
    return [f"# {title}", *commands]


def _block(lines: Iterable[str], first: str, indent: str) -> Iterator[str]:
    """A literal block of YAML."""
    yield first
    for line in "\n".join(lines).splitlines():
        yield f"{indent}{line}" if line else ""


def _wrapped(words: Sequence[str]) -> str:
    """One option with its value a line: a change of one reads as a change of one line."""
    lines: list[list[str]] = [[]]
    for number, word in enumerate(words):
        if word.startswith("--") or number == len(words) - 1:
            lines.append([])
        lines[-1].append(_quote(word))
    return " \\\n  ".join(" ".join(line) for line in lines if line)


def _quote(word: str) -> str:
    """Quote for a POSIX shell, and leave our own variables to it."""
    pieces = _PLACEHOLDERS.split(word)
    if len(pieces) == 1:
        return shlex.quote(word)
    return "".join(
        f'"{piece}"' if _PLACEHOLDERS.fullmatch(piece) else shlex.quote(piece) for piece in pieces if piece
    )
