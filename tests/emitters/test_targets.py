"""All targets say the same of every fixture; and Terraform takes each of them, evaluated to the last container."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.emitters.cloudformation.test_cloudformation_template import findings
from tests.emitters.conftest import Terraform
from tests.emitters.modules import write_root, written_modules
from tests.emitters.projects import CASES, FIXTURES, convert


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")


@pytest.mark.parametrize("target", ["terraform", "cloudformation"])
def test_comments_are_the_same_wherever_one_stands(target: str, program: Program, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sample", tmp_path / "shop" / "app")
    app, out = tmp_path / "shop" / "app", tmp_path / "out"
    from_above = ("-f", "app/compose.yaml", "-f", "app/compose.override.yaml")
    runs = {
        "inside": ((), app),
        "above": (from_above, tmp_path / "shop"),
        "elsewhere": (("-f", str(app / "compose.yaml"), "-f", str(app / "compose.override.yaml")), FIXTURES),
    }
    made = {}
    for name, (files, cwd) in runs.items():
        done = program(*files, "convert", "-q", "-t", target, "-o", str(out / name), cwd=cwd)
        assert done.status == 0, done.err
        paths = (path for path in (out / name).rglob("*") if path.suffix in (".tf", ".yaml"))
        made[name] = {path.name: path.read_text("utf-8") for path in paths}
    assert "# compose.yaml:" in made["inside"].get("template.yaml", "# compose.yaml:")
    assert made["inside"] == made["above"] == made["elsewhere"]


@pytest.fixture(scope="module")
def modules(folder: Path) -> Mapping[str, Path]:
    return written_modules(folder)


@pytest.fixture(scope="module")
def root(modules: Mapping[str, Path], terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One module that calls all others: the provider's schema is loaded once."""
    folder = tmp_path_factory.mktemp("root")
    for name, path in modules.items():
        (folder.parent / name).symlink_to(path)
    return write_root(folder, modules, "..", terraform)


@pytest.mark.slow
def test_every_module_is_formatted(modules: Mapping[str, Path], terraform: Terraform) -> None:
    for path in modules.values():
        done = terraform("fmt", "-check", "-diff", "-no-color", cwd=path)
        assert (done.returncode, done.stdout) == (0, ""), path


@pytest.mark.slow
def test_every_module_is_valid_without_a_warning(root: Path, terraform: Terraform) -> None:
    assert terraform.json("validate", "-json", "-no-color", cwd=root)["diagnostics"] == []


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_cfn_lint_has_nothing_to_say_of_a_fixture(case: str, folder: Path) -> None:
    made = convert(case, "cloudformation", folder / "plain" / case)
    if made:
        assert findings(_with_long_ids((made / "template.yaml").read_text("utf-8"))) == []


_ID = re.compile(r"\b(subnet|sg|vpc|fs|fsap)-([0-9A-Za-z_]{1,12})\b(?!-)")


def _with_long_ids(text: str) -> str:
    """Fixtures have short ids and placeholders; cfn-lint knows the form of real ones."""
    return _ID.sub(lambda found: f"{found[1]}-{sha256(found[2].encode()).hexdigest()[:8]}", text)


@pytest.mark.parametrize("target", ["terraform", "cloudformation", "json"])
def test_ecs_says_in_every_target_which_tasks_are_healthy(target: str, folder: Path) -> None:
    """Without a custom health check, Cloud Map gives the addresses of tasks that fail theirs."""
    made = convert("net-private-dns", target, folder / "healthy" / target)
    assert made
    text = "\n".join(path.read_text("utf-8") for path in sorted(made.rglob("*")) if path.is_file())
    spelled = {
        "terraform": r"health_check_custom_config \{\n +failure_threshold = 1",
        "cloudformation": r"HealthCheckCustomConfig:\n +FailureThreshold: 1",
        "json": r"--health-check-custom-config FailureThreshold=1",
    }[target]
    services = {
        "terraform": 'aws_service_discovery_service"',
        "cloudformation": "::ServiceDiscovery::Service\n",
        "json": "create-service --name",
    }[target]
    assert len(re.findall(spelled, text)) == text.count(services) > 0
