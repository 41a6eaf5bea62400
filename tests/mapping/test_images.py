"""Images that several services have in common, and names that ECR does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.resources import Repository
from compose2fargate.aws.values import BuiltImage, Ref
from tests.mapping.conftest import Translate, spelled
from tests.mapping.test_tasks import container

REGISTRY = "ACCOUNT_ID.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text('FROM alpine:3\nEXPOSE 9000\nCMD ["serve", "--port", "9000"]\n')
    (tmp_path / "a.ini").write_text("a=1\n")
    return tmp_path


def repositories(made: Any) -> dict[str, str]:
    return {node: one.repository_name for node, one in made.translation.stack.of_type(Repository)}


@pytest.mark.parametrize("image", ["shop/app", "shop/app:latest"])
def test_an_image_that_another_service_builds_is_that_one(image: str, translated: Translate) -> None:
    made = translated(
        f"services: {{app: {{build: ., image: shop/app}}, worker: {{image: '{image}', command: [work]}}}}"
    )
    assert spelled(made, container(made, "worker").image) == f"{REGISTRY}/shop/app:latest"
    assert container(made, "worker").image == container(made, "app").image
    assert repositories(made) == {"repository/app": "shop/app"}
    assert [build.service for build in made.translation.builds] == ["app"]
    assert "worker runs the image that app builds" in next(
        d.message for d in made.diagnostics if "worker" in d.message and d.code == "C2F231"
    )


def test_what_its_dockerfile_says_counts_for_all_that_run_it(translated: Translate) -> None:
    made = translated("services: {app: {build: ., image: shop/app}, twin: {image: shop/app}}")
    assert container(made, "twin").command == container(made, "app").command == ("serve", "--port", "9000")
    assert container(made, "twin").port_mappings[0].container_port == 9000


def test_another_tag_is_another_image(translated: Translate) -> None:
    made = translated("services: {app: {build: ., image: 'shop/app:1'}, other: {image: 'shop/app:2'}}")
    assert container(made, "other").image == "shop/app:2"


def test_the_users_choice_goes_with_the_image(translated: Translate) -> None:
    text = "services: {app: {build: ., image: shop/app}, worker: {image: shop/app}}"
    made = translated(text, images={"app": "registry.example.com/app:7"})
    assert container(made, "worker").image == "registry.example.com/app:7"


def test_services_that_build_the_same_image_have_one_repository(translated: Translate) -> None:
    made = translated(
        "services: {web: {build: ., image: shop/app}, cron: {build: ., image: shop/app}, old: {build: ., image: 'shop/app:1'}}"
    )
    assert repositories(made) == {"repository/cron": "shop/app"}
    images = {name: container(made, name).image for name in ("web", "cron", "old")}
    where = Ref("repository/cron", "uri")
    assert images["web"] == images["cron"] == BuiltImage(where, "latest", "", "cron")
    assert images["old"] == BuiltImage(where, "1", "", "old")


def test_derived_images_of_one_image_do_not_overwrite_each_other(translated: Translate) -> None:
    made = translated(
        """
        services:
          cron: {build: ., image: shop/app, volumes: ["./a.ini:/a.ini:ro"]}
          web: {build: ., image: shop/app, volumes: ["./a.ini:/b.ini:ro"]}
          plain: {image: shop/app}
        """
    )
    said = {name: spelled(made, container(made, name).image) for name in ("cron", "web", "plain")}
    assert said == {
        "cron": f"{REGISTRY}/shop/app:latest-files",
        "web": f"{REGISTRY}/shop/web:latest-files",
        "plain": f"{REGISTRY}/shop/app:latest",
    }
    assert repositories(made) == {"repository/cron": "shop/app", "repository/web": "shop/web"}
    addresses = [(build.repository, build.key) for build in made.translation.builds]
    assert ("shop/app", "cron+files") in addresses
    assert ("shop/web", "web+files") in addresses


@pytest.mark.parametrize(
    ("image", "repository"), [("n", "shop/app"), ("my__app", "my__app"), ("a/b:1", "a/b")]
)
def test_a_name_that_is_too_short_for_ecr_is_not_asked_for(
    image: str, repository: str, translated: Translate
) -> None:
    made = translated(f"services: {{app: {{build: ., image: '{image}'}}}}")
    assert repositories(made) == {"repository/app": repository}
