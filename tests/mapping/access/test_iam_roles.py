"""Roles allow what the file needs, and nothing beyond it."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.policies import policy_document, trust_document
from compose2fargate.aws.resources import Existing, Role
from compose2fargate.emitters.json_files.json_target import literal_resolver
from compose2fargate.mapping.access.iam_roles import MAX_ROLE_NAME
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate, spelled

ACCOUNT = "123456789012"


def role(made: Translated, logical_id: str) -> Role:
    found = made.translation.stack.resources[logical_id]
    assert isinstance(found, Role)
    return found


def allowed(made: Translated, logical_id: str) -> dict[str, list[str]]:
    """Actions to resources of a role, as the json target spells them."""
    resolve = literal_resolver(made.translation.stack, made.settings)
    documents = [policy_document(policy, resolve) for policy in role(made, logical_id).policies]
    return {action: s["Resource"] for d in documents for s in d["Statement"] for action in s["Action"]}


def test_the_execution_role_reads_just_what_the_stack_names(translated: Translate) -> None:
    made = translated(
        f"""services:
  web:
    image: {ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/shop/web:1
    x-fargate:
      secrets:
        A: /shop/a
        B: "arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:b-AbCdEf:key::"
        C: "arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:c"
  db: {{image: postgres, x-fargate: {{credentials: "arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:reg-AbCdEf"}}}}
""",
        account=ACCOUNT,
    )
    assert allowed(made, "execution-role") == {
        "ecr:GetAuthorizationToken": ["*"],
        **{
            key: [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/shop/web"]
            for key in ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
        },
        **{
            key: [
                f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/ecs/shop/{name}:*" for name in ("db", "web")
            ]
            for key in ("logs:CreateLogStream", "logs:PutLogEvents")
        },
        "ssm:GetParameters": [f"arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter/shop/a"],
        "secretsmanager:GetSecretValue": [
            f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:b-AbCdEf",
            f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:c-??????",
            f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:reg-AbCdEf",
        ],
    }


def test_public_images_need_no_registry_token(translated: Translate) -> None:
    made = translated("services: {web: {image: nginx, logging: {driver: none}}}")
    assert role(made, "execution-role").policies == ()


def test_a_group_of_the_user_s_own_is_named_and_created_only_if_asked(translated: Translate) -> None:
    text = "services: {web: {image: nginx, logging: {driver: awslogs, options: {awslogs-group: /mine%s}}}}"
    made = translated(text % "", account=ACCOUNT)
    group = f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:/mine:*"
    assert allowed(made, "execution-role") == {
        key: [group] for key in ("logs:CreateLogStream", "logs:PutLogEvents")
    }
    made = translated(text % ", awslogs-create-group: 'true'", account=ACCOUNT)
    assert allowed(made, "execution-role")["logs:CreateLogGroup"] == [group]


@pytest.mark.parametrize("name", ["mine", f"arn:aws:iam::{ACCOUNT}:role/mine"])
def test_roles_that_the_user_has_are_used_as_they_are(name: str, translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, x-fargate: {schedule: rate(1 hour)}}}",
        execution_role=name, task_role=name, scheduler_role=name,
    )  # fmt: skip
    for logical_id in ("execution-role", "task-role/web", "scheduler-role"):
        assert made.translation.stack.resources[logical_id] == Existing("Role", name)


def test_containers_may_do_nothing_unless_asked(translated: Translate) -> None:
    made = role(translated("services: {web: {image: a}}"), "task-role/web")
    assert (made.policies, made.managed_policy_arns) == ((), ())


def test_a_role_is_taken_for_this_account_s_resources_only(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, x-fargate: {schedule: rate(1 hour)}}}",
        account=ACCOUNT,
        region="eu-central-1",
    )

    def trust(logical_id: str) -> Any:
        (statement,) = trust_document(role(made, logical_id), lambda ref: spelled(made, ref))["Statement"]
        return statement["Principal"]["Service"], statement["Condition"]

    for_tasks = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:eu-central-1:{ACCOUNT}:*"},
    }
    group = f"arn:aws:scheduler:eu-central-1:{ACCOUNT}:schedule-group/default"
    assert trust("execution-role") == trust("task-role/web") == ("ecs-tasks.amazonaws.com", for_tasks)
    assert trust("scheduler-role") == (
        "scheduler.amazonaws.com", {"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}},
    )  # fmt: skip


def test_permissions_of_all_containers_of_a_task_are_its_role_s(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, x-fargate: {exec: true, statements: [{Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*'}]}},"
        " side: {image: b, x-fargate: {sidecar_of: web, managed_policies: [AmazonSESFullAccess], policies: [{Statement:"
        " {Effect: Allow, Action: ['sqs:SendMessage'], Resource: ['arn:q']}}]}}}"
    )
    assert allowed(made, "task-role/web") == {
        "s3:GetObject": ["arn:aws:s3:::b/*"],
        "sqs:SendMessage": ["arn:q"],
        **{
            f"ssmmessages:{name}": ["*"]
            for name in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
        },
    }
    (arn,) = role(made, "task-role/web").managed_policy_arns
    assert spelled(made, arn) == "arn:aws:iam::aws:policy/AmazonSESFullAccess"
    assert "side" not in {
        key.partition("/")[2] for key in made.translation.stack.resources if key.startswith("task-role")
    }


@pytest.mark.parametrize(
    "statement", ["{Effect: Deny, Action: x, Resource: y}", "{Action: x}", "{Resource: y}"]
)
def test_a_statement_that_cannot_be_used_is_refused(statement: str, translated: Translate) -> None:
    made = translated(f"services: {{web: {{image: a, x-aws-role: {{Statement: [{statement}]}}}}}}")
    assert "C2F501" in {found.code for found in made.diagnostics}


def test_in_a_cluster_of_the_users_the_scheduler_tags_the_tasks_there(translated: Translate) -> None:
    made = translated(
        "services: {backup: {image: a, x-fargate: {schedule: rate(1 hour)}}}",
        account=ACCOUNT,
        cluster=f"arn:aws:ecs:eu-central-1:{ACCOUNT}:cluster/shared",
    )
    assert allowed(made, "scheduler-role")["ecs:TagResource"] == [
        f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task/shared/*"
    ]


def test_the_scheduler_runs_these_tasks_in_this_cluster_and_nothing_else(translated: Translate) -> None:
    made = translated(
        "services: {backup: {image: a, x-fargate: {schedule: rate(1 hour)}}, web: {image: b}}",
        account=ACCOUNT,
    )
    resolve = literal_resolver(made.translation.stack, made.settings)
    (policy,) = role(made, "scheduler-role").policies
    run, pass_roles, tag = policy_document(policy, resolve)["Statement"]
    assert run["Resource"] == [f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/shop-backup:*"]
    assert run["Condition"] == {
        "ArnEquals": {"ecs:cluster": f"arn:aws:ecs:eu-central-1:{ACCOUNT}:cluster/shop"}
    }
    assert pass_roles["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert pass_roles["Resource"] == [
        f"arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole",
        f"arn:aws:iam::{ACCOUNT}:role/shop-backup-task",
    ]
    assert tag["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}


def test_nothing_is_allowed_on_everything_that_could_be_narrower(translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: '{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/a:1', x-fargate: {{exec: true}}}},"
        " job: {image: b, x-fargate: {schedule: rate(1 hour)}}}"
    )
    everything = {
        statement.sid
        for _, found in made.translation.stack.of_type(Role)
        for policy in found.policies
        for statement in policy.statements
        if "*" in statement.resources
    }
    assert everything == {"RegistryToken", "EcsExec"}


def test_names_of_roles_fit_and_stay_apart(translated: Translate) -> None:
    names = [f"a-service-with-a-very-long-name-that-goes-on-and-on-{n}" for n in range(3)]
    made = translated(
        f"services: {{{', '.join(f'{name}: {{image: a}}' for name in names)}}}", environment="production"
    )
    roles = [found.role_name for _, found in made.translation.stack.of_type(Role)]
    assert len(set(roles)) == len(roles) == 4
    assert all(len(name) <= MAX_ROLE_NAME and name.startswith("shop-production-") for name in roles)


def test_roles_carry_the_tags_of_the_project(translated: Translate) -> None:
    made = translated(
        "x-fargate: {tags: {team: shop}}\nservices: {web: {image: a, x-fargate: {tags: {tier: front}}}}",
        environment="production",
    )
    own = {tag.key: tag.value for tag in role(made, "execution-role").tags}
    assert own == {
        "compose2fargate:project": "shop",
        "compose2fargate:environment": "production",
        "team": "shop",
    }
    definition: Any = made.translation.stack.resources["task-definition/web"]
    assert {"tier": "front", "team": "shop"}.items() <= {
        tag.key: tag.value for tag in definition.tags
    }.items()
    assert definition.task_role_arn == Ref("task-role/web", "arn")
