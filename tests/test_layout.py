"""Tests mirror the modules: `mapping/network/load_balancing.py` is tested by `tests/mapping/network/test_load_balancing.py`.

What has no such file stands here, with where it is tested and why. Tests of a whole command, of a guarantee or of an attack
belong to no single module; the folders for those (`SUITES`) mirror none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "compose2fargate"
MODULES = {
    path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
}
FILES = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}

SUITES = (
    "benchmark",
    "ci",
    "conformance",
    "differential",
    "e2e",
    "operations",
    "parity",
    "robustness",
    "security",
)
"""Folders of tests by what is guaranteed."""


class Elsewhere(NamedTuple):
    """Modules of a folder that are tested together, or through what uses them."""

    folder: str
    modules: str
    tests: str
    reason: str


ELSEWHERE = (
    Elsewhere("", "__main__ settings", "cli/test_application.py", "each command passes through them"),
    Elsewhere("", "api", "sync/test_mutations.py", "it converts and checks there by its functions"),
    Elsewhere("", "credentials", "security/test_credentials.py", "what is no credential matters as much"),
    Elsewhere("", "programs", "security/test_isolation.py", "where programs are found is a guarantee"),
    Elsewhere("", "sample_stack", "emitters/test_targets.py", "it is an example that tests use"),
    # -- apply ---------------------------------------------------------------------------------------------
    Elsewhere("apply", "permission_rules permissions policy_documents store_permissions", "cli/test_permissions.py",
              "the command prints what they give"),
    Elsewhere("apply/aws_client", "account", "apply/aws_client/test_transient_errors.py", "it says how calls are repeated"),
    Elsewhere("apply/aws_client", "hidden_texts", "cli/test_secrets.py", "what is not shown is a guarantee"),
    Elsewhere("apply/day_two", "aws_names ecs_exec ecs_reads", "cli/test_exec.py", "tested as the command"),
    Elsewhere("apply/day_two", "log_streams", "cli/test_logs.py", "tested as the command"),
    Elsewhere("apply/day_two", "rollback", "cli/test_rollback.py", "tested as the command"),
    Elsewhere("apply/day_two", "secret_store", "cli/test_secrets.py", "tested as the command"),
    Elsewhere("apply/day_two", "status", "cli/test_status.py", "tested as the command"),
    Elsewhere("apply/day_two", "task_runs", "cli/test_run.py", "tested as the command"),
    Elsewhere("apply/deployment", "concurrent_graph execution executor", "apply/test_interrupts.py",
              "what matters is how a deployment ends that is stopped"),
    Elsewhere("apply/deployment", "planner read_state redeployments resource_words stack_deployment", "apply/test_cycle.py",
              "a plan is right when a second one is empty"),
    Elsewhere("apply/deployment", "rollout", "apply/test_failures.py", "it is about rollouts that fail"),
    Elsewhere("apply/handlers", "access_handlers autoscaling_handlers cluster_handlers efs_handlers handler listener_handlers"
              " log_group_handlers repository_handlers security_group_handlers service_handlers"
              " tagged_handler task_definition_handlers", "apply/test_cycle.py",
              "each type of the sample stack is created, changed and deleted there"),
    Elsewhere("apply/handlers", "discovery_handlers existing_handlers job_handlers secret_handlers", "apply/test_leftovers.py",
              "what they find that is not ours matters most"),
    Elsewhere("apply/handlers", "cache_handlers database_handlers", "apply/handlers/test_store_handler.py",
              "stores live there, of both kinds"),
    Elsewhere("apply/sandbox", "fake_caches moto_store_patches", "apply/sandbox/test_fake_databases.py",
              "stores of both kinds are tested as the API that it fakes"),
    Elsewhere("apply/sandbox", "__main__ sandbox_session sandbox_state request_guard", "security/test_sandbox.py",
              "who is answered is a guarantee"),
    Elsewhere("apply/sandbox", "fake_ecs fake_ecs_account fake_ecs_checks fake_ecs_inputs fake_roles fake_scheduler"
              " moto_network_patches moto_patches task_behaviour", "apply/sandbox/test_server.py", "tested as the API that it fakes"),
    Elsewhere("apply/sandbox", "rate_limits", "apply/test_speed.py", "they are there for its measurements"),
    # -- aws -----------------------------------------------------------------------------------------------
    Elsewhere("aws", "api_values observation resources stack store_resources task_definition_rules",
              "aws/test_stack_rules.py", "types, and the rules that hold for them"),
    Elsewhere("aws", "image_build", "images/test_push_images.py", "a type"),
    Elsewhere("aws", "ownership", "apply/test_leftovers.py", "tags are right when nothing of others is taken"),
    Elsewhere("aws", "policies", "mapping/access/test_iam_roles.py", "documents of roles"),
    Elsewhere("aws", "prices regions", "workflows/test_verdict.py", "tables, read by the verdict"),
    # -- cli -----------------------------------------------------------------------------------------------
    Elsewhere("cli", "console options settings_options", "cli/test_application.py", "each command passes through them"),
    Elsewhere("cli", "decisions", "cli/test_explain.py", "tested as the command"),
    Elsewhere("cli", "deploy_options", "cli/test_destroy.py", "the question before a deployment"),
    Elsewhere("cli", "plan sandbox sandbox_notes", "cli/test_apply.py", "tested along a deployment"),
    Elsewhere("cli", "listings", "cli/test_config.py", "tested as the command"),
    Elsewhere("cli", "push", "images/test_push_images.py", "tested as the command"),
    Elsewhere("cli", "rehearse", "rehearsal/test_waiting.py", "tested as the command"),
    Elsewhere("cli", "verdicts", "workflows/test_verdict.py", "tested with what it prints"),
    # -- compose -------------------------------------------------------------------------------------------
    Elsewhere("compose", "file_composition load_options model passes project_reader rules selection",
              "compose/test_loader.py", "what matters is the project that is read"),
    Elsewhere("compose/dockerfile", "build_stages dockerfile_lines final_stage health_check_instruction",
              "compose/dockerfile/test_image_config.py", "what matters is what a Dockerfile says of its image"),
    Elsewhere("compose/sources", "environment_files", "compose/sources/test_dotenv.py", "the same files"),
    Elsewhere("compose/sources", "git_fetch", "compose/sources/test_remote_files.py", "the same files"),
    Elsewhere("compose/sources", "relative_paths", "compose/sources/test_include.py", "paths are told apart by it"),
    Elsewhere("compose/validation", "schema_checks value_checks", "compose/validation/test_schema.py", "parts of one check"),
    Elsewhere("compose/values", "canonical_forms canonical_steps implied_values utf8", "compose/values/test_canonical_values.py",
              "parts of one form"),
    Elsewhere("compose/values", "port_syntax", "compose/values/test_short_syntax.py", "one of the short forms"),
    Elsewhere("compose/yaml", "printed_views", "compose/yaml/test_yaml_output.py", "parts of the writer"),
    Elsewhere("compose/yaml", "yaml_nodes yaml_scalars", "compose/yaml/test_yaml_trees.py", "parts of the reader"),
    # -- leaves --------------------------------------------------------------------------------------------
    Elsewhere("diagnostics", "check_report", "cli/test_check.py", "tested as the command"),
    Elsewhere("diagnostics", "ci_report codes diagnostic errors grouping_diagnostics", "diagnostics/test_text_report.py",
              "values, and the renderers that share their cases"),
    Elsewhere("diagnostics", "harm", "workflows/test_verdict.py", "it decides what a verdict tells first"),
    Elsewhere("disk", "folder listing private reading scratch", "security/test_file_traps.py",
              "what stands in the place of a file is a guarantee"),
    Elsewhere("text", "escaping", "security/test_output.py", "what is printed is a guarantee"),
    Elsewhere("text", "image_reference", "security/test_references.py", "what is refused is a guarantee"),
    Elsewhere("text", "nearest sentences", "cli/test_mistakes.py", "words of messages"),
    Elsewhere("text", "yaml_text", "security/test_targets.py", "what a text becomes is a guarantee"),
    # -- emitters ------------------------------------------------------------------------------------------
    Elsewhere("emitters", "emitter", "emitters/test_example.py", "tested as somebody else's emitter"),
    Elsewhere("emitters", "resource_graph secret_commands", "emitters/test_targets.py", "shared by all targets"),
    Elsewhere("emitters/cloudformation", "cloudformation_mount_targets cloudformation_outputs cloudformation_replacement"
              " cloudformation_target cloudformation_types cloudformation_values",
              "emitters/cloudformation/test_cloudformation_template.py", "parts of one template"),
    Elsewhere("emitters/json_files", "json_roles json_scaling json_target script_ecs script_network script_storage "
              " script_variables", "emitters/json_files/test_commands_script.py", "parts of one script"),
    Elsewhere("emitters/terraform", "terraform_access terraform_blocks terraform_ecs terraform_inputs terraform_names"
              " terraform_network terraform_patches terraform_resources terraform_storage terraform_stores",
              "emitters/terraform/test_terraform_module.py", "parts of one module"),
    # -- images, mapping -----------------------------------------------------------------------------------
    Elsewhere("images", "glob_patterns", "images/test_dockerignore.py", "its patterns"),
    Elsewhere("mapping", "cost explanation", "cli/test_explain.py", "tested as the command"),
    Elsewhere("mapping", "coverage_table extensions value_grammar", "mapping/test_coverage.py", "each key of a file is there"),
    Elsewhere("mapping", "project_analysis translation translation_findings translation_input", "test_golden.py",
              "what matters is the stack as a whole"),
    Elsewhere("mapping", "x_aws", "mapping/test_patch.py", "keys of the same kind"),
    Elsewhere("mapping/access", "plain_credentials", "mapping/access/test_secrets.py", "what should have been a secret"),
    Elsewhere("mapping/assembly", "stack_assembly stack_builder", "test_golden.py", "what matters is the whole stack"),
    Elsewhere("mapping/commands", "command_wrappers one_shot_commands server_commands shell_lines",
              "mapping/commands/test_command_lifetime.py", "parts of one decision"),
    Elsewhere("mapping/containers", "container_dependencies health_checks linux_parameters tags",
              "mapping/containers/test_task_definitions.py", "parts of one definition"),
    Elsewhere("mapping/containers", "task_groups", "mapping/containers/test_grouping.py", "the type of what is grouped"),
    Elsewhere("mapping/deployment", "autoscaling", "mapping/deployment/test_rolling_updates.py", "how many tasks run"),
    Elsewhere("mapping/deployment", "deployment_order", "mapping/references/test_reference_graph.py", "references decide it"),
    Elsewhere("mapping/files", "copy_rules", "mapping/images/test_derived_images.py", "what is copied into images"),
    Elsewhere("mapping/files", "file_delivery host_files", "mapping/files/test_mounted_files.py", "parts of one decision"),
    Elsewhere("mapping/images", "image_contents", "mapping/images/test_image_demands.py", "parts of one decision"),
    Elsewhere("mapping/network", "load_balancer_ports target_groups", "mapping/network/test_load_balancing.py",
              "parts of one decision"),
    Elsewhere("mapping/network", "unknown_ports", "mapping/network/test_service_connect.py", "parts of one decision"),
    Elsewhere("mapping/proxies", "traefik_entrypoints traefik_rules", "mapping/proxies/test_traefik.py", "parts of its routes"),
    Elsewhere("mapping/references", "config_files local_addresses named_ports unreachable_hosts",
              "mapping/references/test_reference_graph.py", "parts of one graph"),
    Elsewhere("mapping/storage", "efs efs_options", "mapping/storage/test_volumes.py", "parts of one decision"),
    Elsewhere("mapping/storage", "host_paths", "mapping/storage/test_bind_mounts.py", "parts of one decision"),
    Elsewhere("mapping/stores", "client_addresses engines store_advice store_building store_choice store_outcomes store_report"
              " store_settings store_versions", "mapping/stores/test_managed_store.py", "parts of one decision"),
    # -- rehearsal, sync, workflows ------------------------------------------------------------------------
    Elsewhere("rehearsal", "configuration_text local_load_balancer task_network written_files", "security/test_rehearsal_files.py",
              "what a text becomes is a guarantee"),
    Elsewhere("rehearsal", "probed_references probes rehearsal_edge rehearsal_findings rehearsal_report rehearsed_deployment"
              " rehearsed_task task_containers", "rehearsal/test_rehearsal_plan.py", "without an engine, a rehearsal is its plan"),
    Elsewhere("rehearsal", "container_health engine provisioning rehearsal_run task_memory", "rehearsal/test_waiting.py",
              "what they wait for, and how long"),
    Elsewhere("sync", "change_causes check_result comparison", "sync/test_mutations.py", "each change is put down to its cause"),
    Elsewhere("sync", "fingerprints manifest", "security/test_credentials.py", "what they do not tell is a guarantee"),
    Elsewhere("workflows", "checking", "cli/test_check.py", "tested as the command"),
    Elsewhere("workflows", "copied_texts", "mapping/files/test_copied_files.py", "tested with what reads them"),
    Elsewhere("workflows", "decision", "cli/test_explain.py", "tested as the command"),
    Elsewhere("workflows", "deploying", "cli/test_apply.py", "tested as the command"),
    Elsewhere("workflows", "kept_options recorded_inputs told", "cli/test_environments.py", "what stays said between runs"),
    Elsewhere("workflows", "operating", "cli/test_logs.py", "tested as the commands"),
    Elsewhere("workflows", "project_dockerfiles", "compose/dockerfile/test_image_config.py", "tested with what reads them"),
    Elsewhere("workflows", "project_files", "mapping/storage/test_bind_mounts.py", "tested with what reads them"),
    Elsewhere("workflows", "pushing", "images/test_push_images.py", "tested as the command"),
    Elsewhere("workflows", "rehearsing", "rehearsal/test_waiting.py", "tested as the command"),
    Elsewhere("workflows", "translating", "cli/test_convert.py", "tested as the command"),
)  # fmt: skip

BEHAVIOUR = {
    "apply": "cycle failures faults interrupts leftovers names_by_dns speed timeouts",
    "cli": "environments fixtures mistakes protocols secret_values",
    "compose": "cases",
    "emitters": "checkov example provider_6 targets terraform_apply terraform_lives",
    "mapping/references": "forms_of_references",
    "rehearsal": "differential emulation rules runtime_failures sample waiting",
    "sync": "mutations",
    "": "docs golden imports layout metamorphic package secrecy size",
}
"""Test files beside those of modules; their first line says what they are about."""


def mirror(module: str) -> str:
    """Name the test file of a module."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


def modules_of(entry: Elsewhere) -> Iterator[str]:
    return (f"{entry.folder}/{name}.py".lstrip("/") for name in entry.modules.split())


def test_each_module_has_a_test_file_or_says_why_not() -> None:
    listed = {module for entry in ELSEWHERE for module in modules_of(entry)}
    assert {module for module in MODULES if mirror(module) not in FILES} == listed


def test_no_module_is_listed_twice_and_each_place_exists() -> None:
    listed = [module for entry in ELSEWHERE for module in modules_of(entry)]
    assert {module for module in listed if listed.count(module) > 1} == set()
    assert {entry.tests for entry in ELSEWHERE} <= FILES


def test_each_test_file_is_of_a_module_a_behaviour_or_a_suite() -> None:
    named = {
        f"{folder}/test_{name}.py".lstrip("/")
        for folder, names in BEHAVIOUR.items()
        for name in names.split()
    }
    mirrors = {mirror(module) for module in MODULES}
    assert {file for file in FILES - mirrors if file.partition("/")[0] not in SUITES} == named
