"""What an image is built for is what its task runs on."""

from __future__ import annotations

import pytest

from tests.mapping.conftest import Translate

BUILD = "build: {context: .}"


@pytest.mark.parametrize(
    ("services", "platform"),
    [
        ("a: {image: i/a, platform: linux/arm64}, b: {%s, network_mode: 'service:a'}", "linux/arm64"),
        ("a: {image: i/a, platform: linux/arm64}, b: {%s, x-fargate: {sidecar_of: a}}", "linux/arm64"),
        ("b: {%s, x-fargate: {architecture: ARM64}}", "linux/arm64"),
        ("b: {%s, deploy: {placement: {constraints: ['node.platform.arch == aarch64']}}}", "linux/arm64"),
        ("b: {%s}", "linux/amd64"),
    ],
)
def test_an_image_is_built_for_the_processor_of_its_task(
    services: str, platform: str, translated: Translate
) -> None:
    made = translated(f"services: {{{services % BUILD}}}")
    assert [build.platform for build in made.translation.builds] == [platform]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("registry:5000/x", True),
        ("nas.local/x", True),
        ("box.lan:5000/x", True),
        ("registry.example.org:5000/x", False),
        ("10.0.0.5:5000/x", False),
    ],
)
def test_a_registry_of_the_local_network_is_refused(image: str, told: bool, translated: Translate) -> None:
    made = translated(f"services: {{b: {{image: '{image}'}}}}")
    assert any(d.code == "C2F534" for d in made.diagnostics) is told
