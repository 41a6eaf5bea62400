"""What is said about images that cannot be carried out as they are written."""

from __future__ import annotations

import pytest

from compose2fargate.aws.image_build import ImageBuild, PushedImage
from compose2fargate.diagnostics import Severity, UsageError
from compose2fargate.images.build_checks import check_builder
from compose2fargate.images.build_order import in_order, outdated_images
from compose2fargate.images.content_digest import ImageContent
from compose2fargate.images.push_images import WantedImage, prepare_images

BUILD = ImageBuild("web", "shop/web", "1", "linux/amd64", "/nowhere")


def test_what_a_builder_lacks_is_a_warning() -> None:
    image = WantedImage(BUILD._replace(privileged=True, sbom="true", provenance="false"), ImageContent(""))
    found = list(check_builder(image, "podman"))
    assert [(d.code, d.severity, d.path[-1]) for d in found] == [
        ("C2F441", Severity.WARNING, "privileged"),
        ("C2F441", Severity.WARNING, "sbom"),
    ]
    assert found[0].message == "web: podman does not support privileged and builds without it"
    assert list(check_builder(image, "docker")) == []


def test_images_that_are_based_on_each_other_are_refused() -> None:
    a = BUILD._replace(service="a", additional_contexts={"x": "service:b"})
    b = BUILD._replace(service="b", additional_contexts={"x": "service:a"})
    with pytest.raises(UsageError, match="the images of a, b are based on each other"):
        in_order([a, b])


def test_bases_come_first() -> None:
    top = BUILD._replace(service="a", additional_contexts={"x": "service:z", "y": "docker-image://alpine"})
    base = BUILD._replace(service="z")
    assert [b.service for b in in_order([top, base])] == ["z", "a"]


def test_what_cannot_be_read_is_not_called_out_of_date() -> None:
    entry = PushedImage("shop/web", "1", "sha256:" + "a" * 64, "linux/amd64", "sha256:" + "b" * 64)
    assert list(outdated_images([BUILD], {"web": entry})) == []


def test_a_branch_somewhere_else_needs_a_tag(tmp_path_factory: pytest.TempPathFactory) -> None:
    remote = BUILD._replace(tag="", context="https://example.com/app.git#main")
    with pytest.raises(UsageError, match="no tag can be made"):
        prepare_images([remote], str(tmp_path_factory.mktemp("no-repository")))
    (wanted,) = prepare_images([remote._replace(tag="v1")], "/")
    assert wanted.content.digest == ""
