"""A folder of configuration is copied, whatever its place in the container ends like."""

from __future__ import annotations

from pathlib import Path

from compose2fargate.aws.resources import FileSystem
from tests.mapping.conftest import Translate


def test_a_folder_of_configuration_is_no_data_though_its_name_is_like_that_of_data(
    translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus/prometheus.yml").write_text("scrape_configs: []\n")
    made = translated(
        "services: {prometheus: {image: 'prom/prometheus:v2', volumes: ['./prometheus/:/etc/prometheus/']}}"
    )
    assert not list(made.translation.stack.of_type(FileSystem))
    [build] = made.translation.builds
    assert [copied.path for copied in build.files] == ["prometheus"]
