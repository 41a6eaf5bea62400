"""Every block and argument of the modules is one of the AWS provider's release 6, which cannot be run here.

Its schema is read from the classes of the bindings that were made from it: each argument is a parameter of a constructor, and each nested
block has a class of its own. The bindings are a development dependency (`pip install --no-deps cdktf-cdktf-provider-aws`); nothing of
them is imported or run.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from compose2fargate.emitters.terraform import terraform_module
from compose2fargate.emitters.terraform.hcl import HclAttribute, HclBlock, block_text
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.emitters.projects import CASES, convert
from tests.emitters.stacks import with_what_exists

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BINDINGS = "cdktf_cdktf_provider_aws"
META = {"count", "for_each", "depends_on", "lifecycle", "provisioner", "provider"}
Fields = Mapping[str, frozenset[str]]


@pytest.fixture(scope="module")
def bindings() -> Path:
    found = importlib.util.find_spec(BINDINGS)
    if found is None or found.origin is None:
        pytest.skip(f"{BINDINGS} is not installed: pip install --no-deps {BINDINGS.replace('_', '-')}")
    return Path(found.origin).parent


@cache
def classes(file: Path) -> Fields:
    """Give the parameters of each class's constructor."""
    found = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    found[node.name] = frozenset(argument.arg for argument in member.args.kwonlyargs)
    return found


def pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in text.split("_"))


def unknown(block: HclBlock, known: Fields, name: str, where: str) -> Iterator[str]:
    """Yield the arguments and blocks of a block that have no parameter."""
    own = known.get(f"{name}Config") or known.get(name)
    if own is None:
        yield f"{where}: no such block"
        return
    for item in block.body:
        key = item.name if isinstance(item, HclAttribute) else item.type if isinstance(item, HclBlock) else ""
        if not key or key in META:
            continue
        if key not in own:
            yield f"{where}.{key}: no such argument"
        elif isinstance(item, HclBlock):
            yield from unknown(item, known, name + pascal(key), f"{where}.{key}")


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[HclBlock]:
    """Every block that any module has, as it is before it is written."""
    written: list[HclBlock] = []

    def remember(block: HclBlock, indent: str = "") -> str:
        written.append(block)
        return block_text(block, indent)

    folder = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terraform_module, "block_text", remember)
        for stack in (sample_stack(), with_what_exists()):
            terraform_module.TerraformEmitter().emit(stack, Settings())
        for case in CASES:
            convert(case, "terraform", folder / case)
    return written


def test_every_argument_is_one_of_provider_6(bindings: Path, blocks: list[HclBlock]) -> None:
    found, kinds = set(), set()
    for block in blocks:
        if block.type not in ("resource", "data") or not block.labels[0].startswith("aws_"):
            continue
        prefix = "data_" if block.type == "data" else ""
        short = block.labels[0] if block.type == "data" else block.labels[0].removeprefix("aws_")
        file = bindings / f"{prefix}{short}" / "__init__.py"
        kinds.add(block.labels[0])
        assert file.exists(), block.labels[0]
        found |= {*unknown(block, classes(file), pascal(f"{prefix}{short}"), block.labels[0])}
    assert len(kinds) > 25
    assert found == set()


def test_an_argument_that_the_provider_does_not_have_is_found(bindings: Path) -> None:
    nested = HclBlock("network_configuration", (), (HclAttribute("subnet", []),))
    service = HclBlock(
        "resource", ("aws_ecs_service", "x"), (HclAttribute("name", "x"), nested, HclAttribute("no", 1))
    )
    known = classes(bindings / "ecs_service" / "__init__.py")
    found = [*unknown(service, known, "EcsService", "x")]
    assert found == ["x.network_configuration.subnet: no such argument", "x.no: no such argument"]


DEPRECATED = (
    r"data\.aws_region\.\w+\.name\b",
    r"\bresolve_conflicts\b",
    r"\binline_policy\b",
    r"\bmanaged_policy_arns\b",
)
"""What provider 6 warns of: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/version-6-upgrade."""


def test_nothing_that_is_deprecated_is_written(blocks: list[HclBlock]) -> None:
    text = "\n".join(map(block_text, blocks))
    assert [pattern for pattern in DEPRECATED if re.search(pattern, text)] == []
