"""Which files may be copied into an image: no secrets, nothing too large, nothing outside the project."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.files.file_plan import MountedFile
from compose2fargate.mapping.files.host_files import project_path
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.text.lazy_patterns import lazy_pattern

SECRETS_URL = f"{DOCS}/secrets-envvar-ssm-paramstore.html"
STORAGE_URL = f"{DOCS}/fargate-task-storage.html"
COPY_URL = "https://docs.docker.com/reference/dockerfile/#copy"
MAX_COPIED = 256 * 1024 * 1024
"""Bytes of a folder that are copied into an image without asking: more is data, or a build of its own."""

_SECRETIVE = lazy_pattern(
    r"(^|[/._-])(secrets?|passw(or)?ds?|credentials?|tokens?|private|id_(rsa|ed25519|ecdsa)|(api|access|signing)[._-]?keys?)([/._-]|$)"
    r"|\.(pem|key|p12|pfx|jks|keystore|env)$|(^|/)\.env(\.|$)",
    re.IGNORECASE,
)
_EXAMPLES = lazy_pattern(
    r"\.(example|sample|template|dist|md|py|js|ts|go|java|rb|php|html|css)$", re.IGNORECASE
)
_KEY_BLOCK = "PRIVATE KEY-----"
_PUBLIC = "-----BEGIN "
"""How a certificate, a public key or other parameters begin, where no private key follows."""


def _left_behind(what: str, hint: str, code: str, url: str = STORAGE_URL) -> CoverageRow:
    return CoverageRow(KeyOutcome.IGNORED, what, hint, Severity.WARNING, code, url)


def leave(
    findings: TranslationFindings, file: MountedFile, what: str, hint: str, code: str, url: str = STORAGE_URL
) -> None:
    """Say that a file is left out, and what to do instead."""
    settle(findings, file.path, _left_behind(what, hint, code, url))


def settle(findings: TranslationFindings, path: Path, row: CoverageRow) -> None:
    """Say what becomes of a mount, or of one grant of a list whose key stands for all of them."""
    if path[2] == "volumes":
        findings.outcomes[path] = row
        return
    if row.severity:
        findings.add(row.severity, row.code, path, row.what, hint=row.hint, url=row.url)
    known = findings.outcomes.get(path[:3])
    if known is None or known.outcome is not KeyOutcome.IGNORED:
        findings.outcomes[path[:3]] = row._replace(severity=None)


def may_be_copied(project: Project, findings: TranslationFindings, file: MountedFile) -> bool:
    """Whether a file may stand in an image: no secret, and not too much; report it where not."""
    refusal = _copy_refusal(project, file)
    if refusal:
        settle(findings, file.path, refusal)
        return False
    if file.found.unsafe:
        _tell_unsafe(project, findings, file)
        if not file.found.entries:
            return False
    own = secret_paths(project)
    hidden = [path for path in file.left_out if is_secretive(path) or f"{file.source}/{path}" in own]
    if file.found.entries and {entry.path for entry in file.found.entries} <= set(hidden):
        leave(
            findings,
            file,
            f"all files of {file.target} look like secrets, which do not belong in an image: the folder is left out",
            "list them under secrets:, which reads them from SSM Parameter Store; use --certificate for the load balancer's",
            "C2F288",
            SECRETS_URL,
        )
        return False
    if hidden:
        _tell_hidden(findings, file, hidden)
    return True


def _copy_refusal(project: Project, file: MountedFile) -> CoverageRow | None:
    """Why a file may not stand in an image as a whole."""
    if not file.source and not file.image and re.search(r"\s", file.target):
        return _left_behind(
            f"{file.target} is left out: a Dockerfile cannot write text to a path with a space",
            "choose a target: without spaces, or let an init container write it: x-fargate: {files: init}",
            "C2F273",
            COPY_URL,
        )
    if _is_secret(file) or file.source in secret_paths(project):
        return _left_behind(
            f"{file.target} looks like a secret, which does not belong in an image or a task definition: it is left out",
            "list it under secrets:, which reads it from SSM Parameter Store",
            "C2F288",
            SECRETS_URL,
        )
    if not file.found.complete or file.found.size > MAX_COPIED:
        return _left_behind(
            f"{project_path(project, file.source)} is too large to be copied into an image by default",
            "write a Dockerfile that copies what is needed, or use a named volume for data",
            "C2F273",
        )
    return None


def _tell_hidden(findings: TranslationFindings, file: MountedFile, hidden: Sequence[str]) -> None:
    """Say which files of a folder are left out since they look like secrets."""
    look = "look like secrets" if len(hidden) > 1 else "looks like a secret"
    findings.warn(
        "C2F288",
        file.path,
        f"{', '.join(hidden[:3])}{' …' if len(hidden) > 3 else ''} of {file.target} "
        f"{look}, which must not be in an image: {'they are' if len(hidden) > 1 else 'it is'} left out",
        hint="list it under secrets:, which reads it from SSM Parameter Store",
        url=SECRETS_URL,
    )


def _tell_unsafe(project: Project, findings: TranslationFindings, file: MountedFile) -> None:
    """Say what of a folder is left out since it is no file of the project, or leads out of it."""
    unsafe, folder = file.found.unsafe, project_path(project, file.source)
    shown = ", ".join(f"{folder}/{path}" for path in unsafe[:3]) + (" …" if len(unsafe) > 3 else "")
    one = len(unsafe) == 1
    findings.warn(
        "C2F518",
        file.path,
        f"{shown} {'is' if one else 'are'} left out: {'it is not a' if one else 'they are not'} regular "
        f"{'file' if one else 'files'} of the project, or {'leads' if one else 'lead'} out of it through a symbolic link",
        hint="put the files themselves into the folder",
    )


def _is_secret(file: MountedFile) -> bool:
    """Whether a single file looks like a secret, by its name or by its content."""
    text = file.text or ""
    if _KEY_BLOCK in text:
        return True
    if text.startswith(_PUBLIC) or file.found.kind == "folder":
        return False
    return any(map(is_secretive, (file.target, posixpath.basename(file.source))))


def is_secretive(path: str) -> bool:
    """Whether a path looks like that of a secret."""
    return bool(_SECRETIVE.search(path) and not _EXAMPLES.search(path))


def secret_paths(project: Project) -> frozenset[str]:
    """The files that hold the project's own secrets."""
    return frozenset(source.file for source in project.secrets.values() if source.file)
