"""Options of `driver_opts` that shaped EFS in Docker's retired integration: its file system, and the owner of a volume.

https://github.com/docker-archive/compose-ecs/blob/main/docs/ecs-compose-features.md
Docker made a file system for each volume; here they share one, so that options of the file system have to agree.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from compose2fargate.aws.resources import CreationInfo, FileSystem, PosixUser
from compose2fargate.compose.model import Volume
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.text.lazy_patterns import lazy_pattern

OPTIONS_URL = "https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html"
MAX_PATH = 100
"""Characters of an access point's root directory, which has at most four levels:
https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html"""
MAX_LEVELS = 4

_ID = lazy_pattern(r"\d{1,10}")
_FORMS: Mapping[str, Any] = {
    "uid": _ID,
    "gid": _ID,
    "permissions": lazy_pattern(r"[0-7]{3,4}"),
    "root_directory": lazy_pattern(r"(?:/[\w.-]{1,100}){1,4}"),
    "performance_mode": lazy_pattern(r"generalPurpose|maxIO"),
    "throughput_mode": lazy_pattern(r"bursting|provisioned|elastic"),
    "provisioned_throughput": lazy_pattern(r"[1-9]\d{0,4}(?:\.\d{1,3})?"),
    "backup_policy": lazy_pattern(r"ENABLED|DISABLED"),
    "lifecycle_policy": lazy_pattern(r"AFTER_(?:1_DAY|(?:7|14|30|60|90|180|270|365)_DAYS)"),
}
OF_THE_FILE_SYSTEM = (
    "performance_mode",
    "throughput_mode",
    "provisioned_throughput",
    "backup_policy",
    "lifecycle_policy",
)
_OTHERS = {
    "kms_key_id": "make the file system yourself, with your key, and name it: --volume NAME=fs-…",
}
"""Options of the integration that are refused, and what to do in their place."""


def efs_options(volume: Volume) -> Mapping[str, str]:
    """Give the options of the integration that a volume has; none where its options are those of a driver."""
    if volume.driver not in ("", "local") or not volume.driver_opts:
        return {}
    given = {name.replace("-", "_"): str(value).strip() for name, value in volume.driver_opts.items()}
    return given if given.keys() & (_FORMS.keys() | _OTHERS.keys()) else {}


def judge_options(findings: TranslationFindings, volume: Volume, *, made_here: bool) -> None:
    """Say what becomes of the options of a volume; `made_here` is whether its file system is the stack's."""
    path = ("volumes", volume.key, "driver_opts")
    options = efs_options(volume)
    for name, value in options.items():
        refused = _reason(name, value)
        if refused:
            what, hint = refused
            findings.outcomes[path] = CoverageRow(
                KeyOutcome.REFUSED, what, hint, Severity.ERROR, "C2F278", OPTIONS_URL
            )
            return
    lost = [name for name in OF_THE_FILE_SYSTEM if name in options]
    if lost and not made_here:
        what = f"{', '.join(lost)}: the file system is yours, and stays as it is"
        findings.outcomes[path] = CoverageRow(
            KeyOutcome.IGNORED, what, "set it with aws efs update-file-system", Severity.WARNING, "C2F201", OPTIONS_URL
        )  # fmt: skip
        return
    findings.outcomes[path] = CoverageRow(
        KeyOutcome.MAPPED, "the owner of the access point, and the file system of the stack"
    )


def _reason(name: str, value: str) -> tuple[str, str] | None:
    if name in _OTHERS:
        return f"the file system of the stack has no {name}", _OTHERS[name]
    if name not in _FORMS:
        known = ", ".join(_FORMS)
        return f"{name} is no option of an EFS volume", f"take it out; there are {known}"
    if _FORMS[name].fullmatch(value):
        return None
    return f"EFS takes no {name} {value}", f"write {_EXAMPLES.get(name, 'a number')}"


_EXAMPLES = {
    "permissions": "four octal digits, 0755",
    "root_directory": "a path of at most four levels, /data",
    "performance_mode": "generalPurpose or maxIO",
    "throughput_mode": "bursting, provisioned or elastic",
    "provisioned_throughput": "MiB a second, from 1 on",
    "backup_policy": "ENABLED or DISABLED",
    "lifecycle_policy": "the days after which a file is moved to infrequent access, AFTER_30_DAYS",
}


def shaped_file_system(
    findings: TranslationFindings, plain: FileSystem, volumes: Iterable[Volume]
) -> FileSystem:
    """Give the file system of the stack as the options of its volumes want it."""
    chosen: dict[str, tuple[str, str]] = {}
    for volume in volumes:
        for name, value in efs_options(volume).items():
            if name not in OF_THE_FILE_SYSTEM or _reason(name, value):
                continue
            first, before = chosen.setdefault(name, (volume.key, value))
            if before != value:
                findings.refuse(
                    "C2F278",
                    ("volumes", volume.key, "driver_opts"),
                    f"{name} is {before} of volume {first} and {value} here, and the volumes of a stack share one file system",
                    hint="write the same, or make a file system of its own and name it: --volume NAME=fs-…",
                    url=OPTIONS_URL,
                )
    return _with_options(findings, plain, {name: (key, value) for name, (key, value) in chosen.items()})


def _with_options(
    findings: TranslationFindings, plain: FileSystem, chosen: Mapping[str, tuple[str, str]]
) -> FileSystem:
    values = {name: value for name, (_, value) in chosen.items()}
    performance = values.get("performance_mode")
    # Max I/O goes with bursting and provisioned throughput only: https://docs.aws.amazon.com/efs/latest/ug/performance.html
    usual = "bursting" if performance == "maxIO" else plain.throughput_mode
    if "provisioned_throughput" in values and "throughput_mode" not in values:
        usual = "provisioned"
    mode = values.get("throughput_mode", usual)
    amount = _number(values["provisioned_throughput"]) if "provisioned_throughput" in values else None
    wrong = _together(performance, mode, amount)
    if wrong:
        key = next(iter(chosen.values()))[0]
        path = ("volumes", key, "driver_opts")
        findings.refuse("C2F278", path, wrong, hint="leave one of them out", url=OPTIONS_URL)
    return plain._replace(
        throughput_mode=mode,
        performance_mode=performance if performance == "maxIO" else None,
        provisioned_throughput_in_mibps=amount if mode == "provisioned" else None,
        backup=values.get("backup_policy", "ENABLED") == "ENABLED",
        transition_to_ia=values.get("lifecycle_policy"),
    )


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def _together(performance: str | None, mode: str, amount: float | None) -> str:
    if performance == "maxIO" and mode == "elastic":
        return "EFS has no performance_mode maxIO with throughput_mode elastic"
    if mode == "provisioned" and amount is None:
        return "throughput_mode provisioned needs provisioned_throughput, in MiB a second"
    if mode != "provisioned" and amount is not None:
        return f"provisioned_throughput has no effect with throughput_mode {mode}"
    return ""


def chosen_owner(volume: Volume) -> tuple[PosixUser, CreationInfo] | None:
    """Give as whom a volume is written, and whose its directory is, where the options say it."""
    options = efs_options(volume)
    uid = options.get("uid", options.get("gid"))
    if uid is None or not _ID.fullmatch(uid) or not _ID.fullmatch(options.get("gid", uid)):
        return None
    user = PosixUser(int(uid), int(options.get("gid", uid)))
    return user, CreationInfo(user.uid, user.gid, chosen_permissions(volume) or "0755")


def chosen_permissions(volume: Volume) -> str:
    """Give the permissions that a volume's directory is made with, as four digits; "" where the options do not say."""
    value = efs_options(volume).get("permissions", "")
    return value.zfill(4) if _FORMS["permissions"].fullmatch(value) else ""


def chosen_directory(volume: Volume, subpath: str) -> str:
    """Give the directory of a volume in its file system; "" where the options do not say."""
    root = efs_options(volume).get("root_directory", "")
    directory = posixpath.normpath(posixpath.join(root, subpath)) if root else ""
    fits = len(directory) <= MAX_PATH and directory.count("/") <= MAX_LEVELS
    return directory if fits and _FORMS["root_directory"].fullmatch(directory) else ""
