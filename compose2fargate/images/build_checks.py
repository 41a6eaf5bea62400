"""What there is to say about images before they are built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compose2fargate.credentials import is_build_secret
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.images.builders import unsupported_keys
from compose2fargate.images.push_images import WantedImage

LARGE: Final = 100_000_000
"""A context of so many bytes is rarely meant: dependencies, data or build results are in it."""
_IGNORE_URL: Final = "https://docs.docker.com/build/concepts/context/#dockerignore-files"
_SECRETS_URL: Final = "https://docs.docker.com/build/building/secrets/"
_MUTABLE_URL: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html"


def check_build(image: WantedImage) -> Iterator[Diagnostic]:
    """Yield what is worth knowing about an image, whoever builds it."""
    build, service = image.build, image.build.service
    path = ("services", service, "build")
    if build.tag == "latest":
        yield Diagnostic(
            "C2F447",
            Severity.WARNING,
            f"{service} is pushed as latest, which names another image after each push; only the digest identifies what runs",
            path,
            hint="remove --tag to use the git commit, or name one: --tag TAG",
            url=_MUTABLE_URL,
        )
    if image.content.size > LARGE and image.content.ignore_file is None and build.context:
        yield Diagnostic(
            "C2F449",
            Severity.WARNING,
            f"{service}: the build context holds {image.content.size // 1_000_000} MB, and there is no .dockerignore",
            path,
            hint="write a .dockerignore beside the Dockerfile with what the image does not need: .git, node_modules, data/",
            url=_IGNORE_URL,
        )
    for name, value in build.args.items():
        if is_build_secret(name) and value:
            yield Diagnostic(
                "C2F450",
                Severity.WARNING,
                f"{service}: the build argument {name} looks like a credential; whoever can pull the image can read it in its history",
                (*path, "args", name),
                hint=f"make it a build secret: secrets: [{name.lower()}], and RUN --mount=type=secret,id={name.lower()} in the Dockerfile",
                url=_SECRETS_URL,
            )


def check_builder(image: WantedImage, builder: str) -> Iterator[Diagnostic]:
    """Yield the keys of the build section that `builder` cannot carry out."""
    for key in unsupported_keys(builder, image.build):
        yield Diagnostic(
            "C2F441",
            Severity.WARNING,
            f"{image.build.service}: {builder} does not support {key} and builds without it",
            ("services", image.build.service, "build", key),
            hint="use --builder docker, which supports it",
        )
