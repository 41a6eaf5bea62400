"""Which images a stack needs built, and by which address a task names them."""

from __future__ import annotations

import json
from pathlib import Path

from compose2fargate.aws.image_build import BuildSecret, ImageBuild
from tests.mapping.conftest import Translate, spelled
from tests.mapping.containers.test_task_definitions import codes, definition

EVERYTHING = """
secrets: {npm: {file: ./npm.txt}, tok: {environment: TOK}, far: {external: true}}
services:
  base: {build: {context: ctx}}
  web:
    image: team/web:2
    platform: linux/arm64
    build:
      context: ./ctx
      dockerfile: sub/Dockerfile
      args: [A=1, B, C]
      target: prod
      ssh: [default, "k=./id"]
      secrets: [npm, {source: tok, target: other}, far]
      cache_from: ["type=registry,ref=x/y", "z"]
      cache_to: ["type=inline"]
      extra_hosts: ["a:1.2.3.4"]
      labels: [x=1]
      network: host
      shm_size: 64m
      ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}
      no_cache: true
      pull: true
      platforms: [linux/arm64]
      privileged: true
      entitlements: [network.host]
      tags: ["x/y:1"]
      provenance: mode=max
      sbom: true
      additional_contexts: {a: ../x, s: "service:base"}
"""


def test_every_key_of_a_build_section_arrives(translated: Translate, tmp_path: Path) -> None:
    made = translated(EVERYTHING, env={"B": "5"})
    base, web = made.translation.builds
    context = str(tmp_path / "ctx")
    assert base == ImageBuild("base", "shop/base", "", "linux/amd64", context, "Dockerfile")
    assert web == ImageBuild(
        service="web",
        repository="shop/team/web",
        tag="2",
        platform="linux/arm64",
        context=context,
        dockerfile="sub/Dockerfile",
        target="prod",
        args={"A": "1", "B": "5"},
        labels={"x": "1"},
        secrets=(
            BuildSecret("npm", file=str(tmp_path / "npm.txt")),
            BuildSecret("other", environment="TOK"),
            BuildSecret("far"),
        ),
        ssh=("default", f"k={tmp_path}/id"),
        cache_from=("type=registry,ref=x/y", "z"),
        cache_to=("type=inline",),
        additional_contexts={"a": str(tmp_path.parent / "x"), "s": "service:base"},
        network="host",
        extra_hosts=("a=1.2.3.4",),
        shm_size=64 << 20,
        ulimits={"nofile": "10:20", "nproc": "5:5"},
        no_cache=True,
        pull=True,
        privileged=True,
        entitlements=("network.host",),
        provenance="mode=max",
        sbom="true",
        tags=("x/y:1",),
    )


def test_an_image_is_built_for_what_its_task_runs_on(translated: Translate) -> None:
    text = "services: {a: {build: ., platform: linux/amd64}, b: {build: .}}"
    platforms = [b.platform for b in translated(text, architecture="ARM64").translation.builds]
    assert platforms == ["linux/amd64", "linux/arm64"]


def test_platforms_without_the_tasks_own_are_told(translated: Translate) -> None:
    made = translated("services: {a: {build: {context: ., platforms: [linux/arm64]}}}")
    assert "C2F448" in codes(made)
    made = translated("services: {a: {build: {context: ., platforms: [linux/arm64, linux/amd64]}}}")
    assert "C2F448" not in codes(made)


def test_an_image_of_another_registry_is_left_to_its_owner(translated: Translate) -> None:
    text = "services: {a: {image: 'ghcr.io/x/a:1', build: .}}"
    made = translated(text)
    assert made.translation.builds == ()
    assert "C2F451" in codes(made)
    (build,) = translated(text, registry="example.com").translation.builds
    assert (build.repository, build.tag) == ("shop/x/a", "1")


def test_a_chosen_image_is_not_built(translated: Translate) -> None:
    assert translated("services: {a: {build: .}}", images={"a": "x:1"}).translation.builds == ()


def test_the_lock_file_gives_digest_and_tag(translated: Translate, tmp_path: Path) -> None:
    digest = "sha256:" + "a" * 64
    entry = {"repository": "shop/a", "tag": "v1", "digest": digest, "platform": "linux/amd64", "content": ""}
    (tmp_path / "compose2fargate.lock").write_text(json.dumps({"format": 1, "images": {"a": entry}}))
    text = "services: {a: {build: .}, b: {build: .}}"
    made = translated(text)
    assert spelled(made, definition(made, "a").container_definitions[0].image).endswith(f"/shop/a@{digest}")
    assert spelled(made, definition(made, "b").container_definitions[0].image).endswith("/shop/b:latest")
    assert [d.path[1] for d in made.diagnostics if d.code == "C2F231"] == ["b"]
    assert str(tmp_path / "compose2fargate.lock") in made.inputs
    other = translated(text, tag="v2")
    assert "C2F446" in codes(other)
    assert spelled(other, definition(other, "a").container_definitions[0].image).endswith("/shop/a:v2")
    assert "C2F446" not in codes(translated(text, tag="v1"))
    elsewhere = translated(text, registry="example.com/x")
    assert definition(elsewhere, "a").container_definitions[0].image == f"example.com/x/shop/a@{digest}"
