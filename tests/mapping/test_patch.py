"""`x-fargate.patch`, and the keys of Docker's retired ECS integration."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.api import LoadOptions, convert
from compose2fargate.aws.resources import Existing, Listener, LoadBalancer, TargetGroup
from compose2fargate.diagnostics import LoadError, MapError, Severity
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.coverage_table import KeyOutcome
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate, spelled


def get(made: Translated, logical_id: str) -> Any:
    return made.translation.stack.resources[logical_id]


def errors(made: Translated) -> list[tuple[str, str, str]]:
    return [(d.code, d.message, d.hint) for d in made.diagnostics if d.severity is Severity.ERROR]


def test_a_service_patches_what_comes_from_it(translated: Translate) -> None:
    made = translated(
        """services:
  web:
    image: a
    x-fargate:
      patch:
        container: {stopTimeout: 90, versionConsistency: disabled}
        task_definition: {enableFaultInjection: true}
        service: {desiredCount: 4}
        log_group: {retentionInDays: 7}
"""
    )
    assert get(made, "task-definition/web").container_definitions[0].stop_timeout == 90
    assert get(made, "service/web").desired_count == 4
    assert get(made, "log-group/web").retention_in_days == 7
    assert made.translation.stack.extras == {
        "task-definition/web": {
            "containerDefinitions": [{"name": "web", "versionConsistency": "disabled"}],
            "enableFaultInjection": True,
        }
    }
    assert errors(made) == []


def test_a_service_patches_its_target_groups_and_no_others(translated: Translate) -> None:
    patch = "{patch: {target_group: {attributes: {stickiness.enabled: 'true'}}}}"
    made = translated(
        "services:\n"
        f"  web: {{image: nginx, ports: ['80:80'], x-fargate: {patch}}}\n"
        "  other: {image: httpd, ports: ['81:80']}\n"
    )
    attributes = {i: dict(g.attributes) for i, g in made.translation.stack.of_type(TargetGroup)}
    assert attributes["target-group/web-80"]["stickiness.enabled"] == "true"
    assert "stickiness.enabled" not in attributes["target-group/other-80"]
    assert errors(made) == []


def test_the_project_patches_anything_by_its_logical_id(translated: Translate) -> None:
    made = translated(
        "x-fargate: {patch: {cluster: {settings: [{name: containerInsights, value: enhanced}]}, service/web: {desiredCount: 2}}}\n"
        "services: {web: {image: a, x-fargate: {patch: {service: {desiredCount: 4}}}}}"
    )
    assert get(made, "cluster").settings == (("containerInsights", "enhanced"),)
    assert get(made, "service/web").desired_count == 2


def test_a_sidecar_patches_its_own_container(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a}, side: {image: b, x-fargate: {sidecar_of: web, patch: {container: {cpu: 64}}}}}"
    )
    assert [c.cpu for c in get(made, "task-definition/web").container_definitions] == [None, 64]


def test_members_that_no_type_knows_add_up_over_patches(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, x-fargate: {patch: {container: {versionConsistency: disabled}}}},"
        " side: {image: b, x-fargate: {sidecar_of: web, patch: {container: {versionConsistency: enabled}}}}}\n"
        "x-fargate: {patch: {task-definition/web: {containerDefinitions: {web: {new: 1}}, proxyConfiguration: {a: 1}}}}"
    )
    assert made.translation.stack.extras["task-definition/web"] == {
        "containerDefinitions": [
            {"name": "side", "versionConsistency": "enabled"},
            {"name": "web", "versionConsistency": "disabled", "new": 1},
        ],
        "proxyConfiguration": {"a": 1},
    }


@pytest.mark.parametrize(
    ("patch", "says", "hint"),
    [
        ("{servise: {desiredCount: 2}}", "web has no servise that could be patched", "did you mean service?"),
        ("{schedule: {Name: x}}", "web has no schedule that could be patched", "known: container"),
        (
            "{service: {desiredCount: many}}",
            "desiredCount needs a whole number, not a text",
            "name the members",
        ),
        ("{service: {serviceName: null}}", "serviceName cannot be removed", "name the members"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(
    patch: str, says: str, hint: str, translated: Translate
) -> None:
    ((code, message, advice),) = errors(
        translated(f"services: {{web: {{image: a, x-fargate: {{patch: {patch}}}}}}}")
    )
    assert code == "C2F257"
    assert says in message
    assert advice.startswith(hint)


def test_a_patch_of_nothing_is_refused_with_the_nearest(translated: Translate) -> None:
    ((_, message, hint),) = errors(
        translated("x-fargate: {patch: {service/wep: {}}}\nservices: {web: {image: a}}")
    )
    assert message == "there is no resource service/wep that could be patched"
    assert hint == "did you mean service/web?"


def test_a_patch_with_an_illegal_result_is_caught(translated: Translate) -> None:
    made = translated("services: {web: {image: a, x-fargate: {patch: {container: {stopTimeout: 300}}}}}")
    ((code, message, _),) = errors(made)
    assert code == "C2F294"
    assert "stopTimeout: must be 2 to 120 seconds" in message


def test_an_unknown_key_is_found_with_the_nearest(translated: Translate) -> None:
    with pytest.raises(LoadError) as caught:
        translated("services:\n  web:\n    image: a\n    x-fargate:\n      autoscalling: {max: 2}\n")
    (found,) = caught.value.diagnostics
    assert found.location
    assert found.location.line == 5
    assert "autoscaling" in found.hint


LEGACY = """x-aws-cluster: arn:aws:ecs:eu-central-1:123456789012:cluster/shared
x-aws-logs_retention: 14
x-aws-cloudformation: {Resources: {}}
services:
  web:
    image: registry.example.com/web
    ports: [{target: 80, x-aws-protocol: http}]
    secrets: [login]
    networks: [front]
    x-aws-pull_credentials: arn:aws:secretsmanager:eu-central-1:123456789012:secret:r
    x-aws-policies: [arn:aws:iam::aws:policy/ReadOnlyAccess]
    x-aws-role: {Statement: [{Effect: Allow, Action: ["sqs:*"], Resource: ["arn:q"]}]}
    deploy:
      x-aws-autoscaling: {min: 2, max: 5, cpu: 75}
      update_config: {x-aws-min_percent: 50, x-aws-max_percent: 150}
networks: {front: {x-aws-securitygroup: sg-1}}
secrets: {login: {external: true, x-aws-keys: [user, password]}}
"""


def test_the_keys_of_docker_s_integration_mean_what_they_meant(translated: Translate) -> None:
    made = translated(LEGACY)
    assert get(made, "cluster") == Existing("Cluster", "arn:aws:ecs:eu-central-1:123456789012:cluster/shared")
    assert get(made, "log-group/web").retention_in_days == 14
    container = get(made, "task-definition/web").container_definitions[0]
    assert container.repository_credentials.credentials_parameter.endswith("secret:r")
    role = get(made, "task-role/web")
    assert role.managed_policy_arns == ("arn:aws:iam::aws:policy/ReadOnlyAccess",)
    assert role.policies[0].statements[0].actions == ("sqs:*",)
    percent = get(made, "service/web").deployment_configuration
    assert (percent.minimum_healthy_percent, percent.maximum_percent) == (50, 150)
    assert get(made, "scalable-target/web").max_capacity == 5
    assert container.port_mappings[0].app_protocol == "http"


def test_each_of_these_keys_is_reported_with_its_place(translated: Translate) -> None:
    made = translated(LEGACY)
    reported = {d.path: d.location for d in made.diagnostics if d.code in ("C2F252", "C2F253")}
    assert set(reported) == {path for _, path, _ in x_aws.used_keys(made.project)}
    assert all(reported.values())
    assert {path[-1] for path in reported} == {key.name for key in x_aws.KEYS} - {
        "x-aws-vpc",
        "x-aws-loadbalancer",
    }
    outcomes = {key.path: key.row.outcome for key in made.accounted}
    assert outcomes[("x-aws-cluster",)] is KeyOutcome.MAPPED
    assert outcomes[("x-aws-cloudformation",)] is KeyOutcome.APPROXIMATED


def test_what_the_other_parts_of_the_mapping_need_is_there_to_ask_for(translated: Translate) -> None:
    project = translated(LEGACY).project
    assert x_aws.port_protocol(project, "web", 0) == "http"
    assert x_aws.port_protocol(project, "web", 1) == ""


def test_settings_in_x_fargate_win_over_those_of_the_integration(translated: Translate) -> None:
    made = translated("x-aws-cluster: old\nx-fargate: {cluster: new}\nservices: {web: {image: a}}")
    assert get(made, "cluster").cluster_name == "new"


@pytest.mark.parametrize("target", ["json", "terraform", "cloudformation"])
def test_a_patch_shows_on_every_target(target: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        """services:
  web:
    image: nginx
    x-fargate:
      patch:
        container: {versionConsistency: disabled, stopTimeout: 77}
        service: {deploymentConfiguration: {maximumPercent: 250, strategy: ROLLING}}
"""
    )
    made = convert(LoadOptions(environment={}, cwd=str(tmp_path)), {"region": "eu-central-1"}, target=target)
    text = "\n".join(content for path, content in made.artifacts.items() if path != "compose2fargate.json")
    # Terraform's provider has no argument for the strategy, and does what ROLLING says.
    strategy = () if target == "terraform" else ("ROLLING",)
    for word in ("ersionConsistency", "disabled", "77", "250", *strategy):
        assert word in text, word


def test_the_vpc_of_the_integration_may_be_an_arn(translated: Translate) -> None:
    arn = "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1234abcd"
    made = translated(f"x-aws-vpc: {arn}\nservices: {{web: {{image: a}}}}")
    assert get(made, "network").vpc_id == "vpc-1234abcd"
    assert "C2F517" not in {d.code for d in made.diagnostics}


def test_credentials_of_a_registry_may_be_the_name_of_a_secret(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: registry.example.com/web, x-aws-pull_credentials: registry/login}}",
        account="123456789012", region="eu-central-1",
    )  # fmt: skip
    container = get(made, "task-definition/web").container_definitions[0]
    assert container.repository_credentials.credentials_parameter == "registry/login"
    (secrets,) = (s for s in get(made, "execution-role").policies[0].statements if s.sid == "ReadSecrets")
    assert "C2F500" not in {d.code for d in made.diagnostics}
    assert spelled(made, secrets.resources[0]) == (
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:registry/login-??????"
    )


PORT = "services: {web: {image: %s, ports: [{target: %d%s}]}}"


@pytest.mark.parametrize(
    ("image", "port", "more", "opened"),
    [
        ("a", 8080, ", x-aws-protocol: http", ("application", "HTTP", 8080)),
        ("a", 8080, "", None),
        ("a", 2525, ", published: '25', x-aws-protocol: tcp", ("network", "TCP", 25)),
        ("a", 2525, ", x-aws-protocol: tcp", ("network", "TCP", 2525)),
        ("a", 2525, ", published: '25'", None),
        # Nobody opens a database to everybody by saying what it speaks.
        ("postgres", 5432, ", published: '5432', x-aws-protocol: tcp", None),
    ],
)
def test_what_the_integration_opened_is_opened_where_the_file_says_what_it_speaks(
    image: str, port: int, more: str, opened: tuple[str, str, int] | None, translated: Translate
) -> None:
    resources = translated(PORT % (image, port, more)).translation.stack.resources.values()
    balancers = [one.type for one in resources if isinstance(one, LoadBalancer)]
    listeners = [(one.protocol, one.port) for one in resources if isinstance(one, Listener)]
    assert (balancers, listeners) == (([opened[0]], [opened[1:]]) if opened else ([], []))


@pytest.mark.parametrize(
    ("count", "configuration", "ends"),
    [
        (1, "{maximumPercent: 150}", False),
        (2, "{maximumPercent: 150}", True),
        (3, "{minimumHealthyPercent: 90, maximumPercent: 100}", False),
        (1, "{maximumPercent: 150, strategy: BLUE_GREEN}", True),
    ],
)
def test_patched_percentages_with_which_no_deployment_would_end_are_refused(
    count: int, configuration: str, ends: bool, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"""services:
  web:
    image: nginx
    deploy: {{replicas: {count}}}
    x-fargate: {{patch: {{service: {{deploymentConfiguration: {configuration}}}}}}}
"""
    )
    with nullcontext() if ends else pytest.raises(MapError, match="a deployment would never end"):
        convert(LoadOptions(environment={}, cwd=str(tmp_path)), {"region": "eu-central-1"}, target="json")
