"""Images that several services have in common, and names that ECR does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.resources import Existing, Repository
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate, spelled
from tests.mapping.containers.test_task_definitions import container, definition

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


def test_an_image_for_another_processor_is_told(translated: Translate) -> None:
    made = translated(
        "services: {app: {build: ., image: shop/app}, arm: {image: shop/app, platform: linux/arm64}}"
    )
    (found,) = [d for d in made.diagnostics if d.code == "C2F448"]
    assert found.path == ("services", "arm", "image")


def test_what_kind_it_is_comes_from_its_base_for_all_that_run_it(translated: Translate, folder: Path) -> None:
    (folder / "Dockerfile").write_text("FROM tomcat:10\n")
    made = translated("services: {app: {build: ., image: shop/app}, twin: {image: shop/app}}")
    sizes = {definition(made, name).memory for name in ("app", "twin")}
    assert sizes == {"2048"}


def test_services_that_build_the_same_image_have_one_repository(translated: Translate) -> None:
    made = translated(
        "services: {web: {build: ., image: shop/app}, cron: {build: ., image: shop/app}, old: {build: ., image: 'shop/app:1'}}"
    )
    assert repositories(made) == {"repository/cron": "shop/app"}
    images = {name: container(made, name).image for name in ("web", "cron", "old")}
    where = Ref("repository/cron", "uri")
    assert images == {
        "web": BuiltImage(where, "web", "latest"),
        "cron": BuiltImage(where, "cron", "latest"),
        "old": BuiltImage(where, "old", "1"),
    }


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
    ("image", "repository"),
    [("n", "shop/app"), ("my__app", "shop/my__app"), ("a/b:1", "shop/a/b"), ("shop/x", "shop/x")],
)
def test_a_name_that_is_too_short_for_ecr_is_not_asked_for(
    image: str, repository: str, translated: Translate
) -> None:
    made = translated(f"services: {{app: {{build: ., image: '{image}'}}}}")
    assert repositories(made) == {"repository/app": repository}


def test_repositories_of_two_projects_and_of_two_environments_differ(translated: Translate) -> None:
    """An account has one list of repositories: `backend` would be everybody's."""
    text = "services: {app: {build: ., image: 'backend:latest'}, own: {build: ., image: shop/own}, web: {build: .}}"
    names = [set(repositories(translated(text, environment=e)).values()) for e in ("", "staging")]
    assert names == [
        {"shop/backend", "shop/own", "shop/web"},
        {"shop-staging/backend", "shop-staging/own", "shop-staging/web"},
    ]


def test_environments_share_images_on_request(translated: Translate) -> None:
    """They belong to none of them, so that none takes them along when it is destroyed."""
    made = translated("services: {app: {build: .}}", environment="staging", shared_images=True)
    assert repositories(made) == {}
    assert made.translation.stack.resources["repository/app"] == Existing("Repository", "shop/app")
    assert [build.repository for build in made.translation.builds] == ["shop/app"]


def test_an_image_called_like_another_service_has_a_repository_of_its_own(translated: Translate) -> None:
    made = translated("services: {web: {build: ., image: app}, app: {build: ./app}}")
    assert len(set(repositories(made).values())) == 2


@pytest.mark.parametrize(
    "image", ["127.0.0.1:5000/stack", "localhost:5000/a/b:1", "localhost/x", "host.docker.internal:5000/x", "hub:5000/x"]
)  # fmt: skip
def test_an_image_in_a_registry_of_this_machine_is_refused(image: str, translated: Translate) -> None:
    made = translated(f'services: {{web: {{image: "{image}"}}, hub: {{image: registry}}}}')
    (told,) = [d for d in made.diagnostics if d.code == "C2F534"]
    assert told.severity is Severity.ERROR
    assert "--image web=URI" in told.hint


def test_an_image_of_a_local_registry_that_is_built_here_goes_to_ecr(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM node:22\n", encoding="utf-8")
    made = translated('services: {web: {image: "127.0.0.1:5000/stackdemo:2", build: .}}')
    assert not [d for d in made.diagnostics if d.severity is Severity.ERROR]
    (build,) = made.translation.builds
    assert (build.repository, build.tag) == ("shop/stackdemo", "2")


def test_an_owner_is_no_registry(translated: Translate) -> None:
    made = translated("services: {grafana: {image: grafana/grafana}}")
    assert "C2F534" not in {d.code for d in made.diagnostics}
