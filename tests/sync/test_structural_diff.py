"""Which differences mean something, by language; and how the fields of each are named."""

from __future__ import annotations

import pytest

from compose2fargate.sync.field_causes import in_ecs_terms
from compose2fargate.sync.structural_diff import ABSENT, line_of, text_differences

TERRAFORM = """\
# compose.yaml:3
resource "aws_ecs_task_definition" "web" {
  family = "shop-web"
  memory = "1024" # what was asked

  container_definitions = jsonencode([
    {
      name   = "web"
      memory = 512
      environment = [
        { name = "LOG_LEVEL", value = "info # not a comment" },
      ]
    },
  ])
}
"""
YAML = """\
Resources:
  WebTaskDefinition: # compose.yaml:3
    Type: AWS::ECS::TaskDefinition
    Properties:
      Cluster: !Ref Cluster
      ContainerDefinitions:
        - Name: web
          Memory: 512
"""

SAME = {
    "terraform comment": ("main.tf", TERRAFORM, TERRAFORM.replace("compose.yaml:3", "compose.yaml:9")),
    "terraform trailing comment": ("main.tf", TERRAFORM, TERRAFORM.replace("  # what was asked", "")),
    "terraform alignment": ("main.tf", TERRAFORM, TERRAFORM.replace("name   =", "name =")),
    "terraform blank lines": ("main.tf", TERRAFORM, TERRAFORM.replace("\n\n", "\n")),
    "yaml comment": ("template.yaml", YAML, YAML.replace("compose.yaml:3", "compose.yaml:9")),
    "yaml quotes": ("template.yaml", YAML, YAML.replace("Name: web", 'Name: "web"')),
    "json order": ("a.json", '{"a": 1, "b": [1]}', '{\n "b": [1], "a": 1}'),
    "shell comment": ("run.sh", "#!/bin/sh\n# one\necho 1\n", "#!/bin/sh\n\n# two\necho 1\n"),
}


@pytest.mark.parametrize("case", SAME)
def test_form_does_not_count(case: str) -> None:
    assert text_differences(*SAME[case]) == []


OTHER = {
    "terraform string": (
        "main.tf", TERRAFORM, TERRAFORM.replace("info # not", "info # never"), "environment",
    ),
    "terraform number": ("main.tf", TERRAFORM, TERRAFORM.replace("= 512", "= 1024"), "memory"),
    "terraform nested": ("main.tf", 'a = "${f("x # y")}"\n', 'a = "${f("x # z")}"\n', "a"),
    "terraform escaped quote": ("main.tf", r'a = "\"b # c"' + "\n", r'a = "\"b # d"' + "\n", "a"),
    "yaml number": ("template.yaml", YAML, YAML.replace("512", "1024"), "memory"),
    "yaml type": ("template.yaml", YAML, YAML.replace("512", '"512"'), "memory"),
    "yaml tag": ("template.yaml", YAML, YAML.replace("!Ref Cluster", "Cluster"), "cluster"),
    "json truth": ("a.json", '{"essential": true}', '{"essential": 1}', "essential"),
    "json list order": ("a.json", '{"command": ["a", "b"]}', '{"command": ["b", "a"]}', "command"),
    "shebang": ("run.sh", "#!/bin/sh\necho\n", "#!/bin/bash\necho\n", ""),
    "markdown heading": ("README.md", "# one\n", "# two\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER)
def test_meaning_counts(case: str) -> None:
    path, old, new, field = OTHER[case]
    (found,) = text_differences(path, old, new)
    assert any(field in part.lower() for part in found.path)


def test_a_heredoc_is_taken_as_it_is() -> None:
    text = "policy = <<EOT\n  # kept\n  a  b\nEOT\n"
    assert text_differences("main.tf", text, text.replace("# kept", "# other")) != []
    assert text_differences("main.tf", text, text.replace("a  b", "a b")) != []


def test_containers_and_variables_are_known_by_their_names() -> None:
    old = '{"containerDefinitions": [{"name": "a", "cpu": 1}, {"name": "web", "environment": [{"name": "X", "value": "1"}]}]}'
    new = '{"containerDefinitions": [{"name": "web", "environment": [{"name": "X", "value": "2"}]}]}'
    found = {".".join(d.path): (d.old, d.new) for d in text_differences("a.json", old, new)}
    assert found == {
        "containerDefinitions.a": ({"name": "a", "cpu": 1}, ABSENT),
        "containerDefinitions.web.environment.X.value": ("1", "2"),
    }


def test_a_member_that_stands_twice_is_no_json() -> None:
    assert text_differences("a.json", '{"cpu": 1}', '{"cpu": 2, "cpu": 1}') != []


def test_lines_are_those_on_disk() -> None:
    (found,) = text_differences("template.yaml", YAML, YAML.replace("512", "1024"))
    assert line_of("template.yaml", YAML, found.at) == 8
    (found,) = text_differences("main.tf", TERRAFORM, TERRAFORM.replace("= 512", "= 1024"))
    assert line_of("main.tf", TERRAFORM, found.at) == 9


def test_fields_are_named_as_ecs_names_them() -> None:
    assert (
        in_ecs_terms(("containerDefinitions", "web", "environment", "my_var", "value"), "web")
        == "environment.my_var"
    )
    assert in_ecs_terms(("containerDefinitions", "proxy", "memory"), "web") == "proxy.memory"
    assert in_ecs_terms(("memory",), "web") == "task memory"
    assert in_ecs_terms(("Resources", "TaskDefinitionWeb", "Properties", "Memory"), "web") == "task memory"
    assert (
        in_ecs_terms(("Resources", "LogGroupWeb", "Properties", "RetentionInDays"), "web")
        == "logGroupWeb.retentionInDays"
    )
    assert in_ecs_terms(("resource aws_ecs_service web", "desired_count"), "web") == "desiredCount"
