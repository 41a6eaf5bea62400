"""Lines of `commands.sh` for repositories, log groups, secrets and file systems."""

from __future__ import annotations

from collections.abc import Sequence

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.policies import file_system_policy_document
from compose2fargate.aws.resources import (
    AccessPoint,
    FileSystem,
    LogGroup,
    ManagedSecret,
    MountTargets,
    SecretParameter,
    name_of,
)
from compose2fargate.aws.stack import parameter_folder
from compose2fargate.emitters.json_files.script_variables import CommandsScript, spelled, tag_arguments
from compose2fargate.text.shell_text import (
    ShellVariable,
    json_option,
    json_word,
    option,
    plain_value,
    query_text,
    quote,
    word,
)


def image_lines(work: CommandsScript) -> Sequence[str]:
    """Give the lines that look for each image that is built here."""
    found: dict[str, None] = {}
    for image in work.stack.built_images():
        repository = name_of(work.stack.get(image.repository))
        wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag}
        found[f"pushed {plain_value(repository)} {json_word([wanted])}"] = None
    return list(found)


def log_group_lines(_: CommandsScript, __: str, group: LogGroup) -> list[str]:
    """Give the lines for a log group."""
    name = option("log-group-name", group.log_group_name)
    tags = f" {json_option('tags', {tag.key: tag.value for tag in group.tags})}" if group.tags else ""
    return [
        f"once aws logs create-log-group {name}{tags}",
        f"aws logs put-retention-policy {name} --retention-in-days {int(group.retention_in_days)}",
    ]


def secret_lines(work: CommandsScript, _: str, secret: SecretParameter | ManagedSecret) -> list[str]:
    """Give a secret its value, from a file of the user's: never from the command line, where others can see it."""
    function = "parameter" if isinstance(secret, SecretParameter) else "secret"
    # A name never leads out of the folder.
    parts = secret.name.removeprefix(f"/{parameter_folder(work.stack.name)}/").split("/")
    path = "/".join(part for part in parts if part not in ("", ".", ".."))
    return [f"{function} {plain_value(secret.name)} {quote(path)}"]


def file_system_lines(work: CommandsScript, logical_id: str, system: FileSystem) -> list[str]:
    """Make the file system, and wait until it can be used: the call gives an id long before that."""
    token, variable = option("creation-token", system.creation_token), work.variables[logical_id]
    backup = " --backup" if system.backup else ""
    encrypted = " --encrypted" if system.encrypted else ""
    state = "aws efs describe-file-systems --query"
    return [
        f"known {state} 'FileSystems[0].FileSystemId' {token} ||",
        (
            f"  make aws efs create-file-system {token}{encrypted}{backup} "
            f"{_performance(system)} {json_option('tags', tag_arguments(system.tags))} --query FileSystemId"
        ),
        *work.keep(logical_id, "id"),
        *_note_arn(work, logical_id, "file-system"),
        "tries=0",
        f'until known {state} "FileSystems[?LifeCycleState==\'available\'].FileSystemId" --file-system-id "${variable}"; do',
        '  tries=$((tries + 1)); [ "$tries" -lt 60 ] || { echo "the file system does not come" >&2; exit 1; }',
        "  sleep 5",
        "done",
        *(_lifecycle(variable, system.transition_to_ia) if system.transition_to_ia else ()),
        *(_file_system_policy(variable) if system.restricted else ()),
    ]


def _performance(system: FileSystem) -> str:
    amount = system.provisioned_throughput_in_mibps
    options = [
        option("performance-mode", system.performance_mode) if system.performance_mode else "",
        option("throughput-mode", system.throughput_mode),
        option("provisioned-throughput-in-mibps", f"{amount:g}") if amount else "",
    ]
    return " ".join(filter(None, options))


def _lifecycle(variable: str, moved: str) -> list[str]:
    policies = json_option("lifecycle-policies", [{"TransitionToIA": moved}])
    return [f'aws efs put-lifecycle-configuration --file-system-id "${variable}" {policies} >/dev/null']


def _file_system_policy(variable: str) -> list[str]:
    policy = json_option("policy", file_system_policy_document())
    return [f'aws efs put-file-system-policy --file-system-id "${variable}" {policy} >/dev/null']


def _note_arn(work: CommandsScript, logical_id: str, kind: str) -> list[str]:
    """Note the ARN of something of EFS, of which only the id is known."""
    placeholder = str(work.resolve(Ref(logical_id, "arn")))
    start, account, rest = placeholder.partition(f":{kind}/")[0].partition(work.words.account)
    parts = [
        spelled(start),
        ShellVariable("account") if account else "",
        f"{spelled(rest)}:{kind}/",
        ShellVariable(work.variables[logical_id]),
    ]
    return work.note(placeholder, word(parts))


def access_point_lines(work: CommandsScript, logical_id: str, point: AccessPoint) -> list[str]:
    """Give the lines for an access point."""
    made, user = point.root_directory.creation_info, point.posix_user
    root = {
        "Path": point.root_directory.path,
        "CreationInfo": {
            "OwnerUid": made.owner_uid,
            "OwnerGid": made.owner_gid,
            "Permissions": made.permissions,
        },
    }
    system = option("file-system-id", work.value(point.file_system_id))
    token = f"{work.stack.name}-{logical_id.partition('/')[2]}"[:64]
    owner = " " + json_option("posix-user", {"Uid": user.uid, "Gid": user.gid}) if user else ""
    query = f"AccessPoints[?ClientToken=={query_text(token)}].AccessPointId | [0]"
    return [
        f"known aws efs describe-access-points {system} --query {quote(query)} ||",
        (
            f"  make aws efs create-access-point {system} {option('client-token', token)} "
            f"{json_option('root-directory', root)}{owner} {json_option('tags', tag_arguments(point.tags))} --query AccessPointId"
        ),
        *work.keep(logical_id, "id"),
        *_note_arn(work, logical_id, "access-point"),
    ]


def mount_targets_lines(work: CommandsScript, _: str, targets: MountTargets) -> list[str]:
    """Make a mount target in each subnet, and wait for them; EFS allows one in each availability zone."""
    groups = json_option("security-groups", [work.value(group) for group in targets.security_groups])
    system = option("file-system-id", work.value(targets.file_system_id))
    call = f'aws efs create-mount-target {system} --subnet-id="$subnet" {groups}'
    # https://docs.aws.amazon.com/efs/latest/ug/API_MountTargetDescription.html: a task that starts before does not mount it.
    left = "MountTargets[?LifeCycleState!='available'].MountTargetId"
    return [
        f"for subnet in {work.subnets(targets.subnet_ids)}; do once {call}; done",
        "tries=0",
        f'while known aws efs describe-mount-targets {system} --query "{left}"; do',
        '  tries=$((tries + 1)); [ "$tries" -lt 60 ] || { echo "the mount targets do not come" >&2; exit 1; }',
        "  sleep 5",
        "done",
    ]
