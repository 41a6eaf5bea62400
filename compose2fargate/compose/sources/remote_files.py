"""Compose files in git repositories: where they are written down, and the copies that are read in their place.

`include` and `extends` may name a file of a repository. Nothing is fetched unasked. With `allow` it is fetched once,
and its files are written below the project, where they are committed; from then on the copies are read, on every
machine, without a network. `lock.json` beside them says which commit stands for which address and what its files are.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.compose.sources.source_files import DEFAULT_NAMES, copy_of_artifact, is_remote
from compose2fargate.disk.folder import Folder, is_plain, read_own
from compose2fargate.disk.reading import parse_json
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

FOLDER: Final = "compose2fargate.remote"
LOCK: Final = f"{FOLDER}/lock.json"
FORMAT: Final = 1
_STAGED: Final = "new"
PROTOCOLS_VARIABLE: Final = "COMPOSE2FARGATE_REMOTE_PROTOCOLS"
DEFAULT_PROTOCOLS: Final = ("https", "ssh")
_PROTOCOLS: Final = (*DEFAULT_PROTOCOLS, "file")
_COMMIT: Final = lazy_pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
_DIGEST: Final = lazy_pattern(r"sha256:[0-9a-f]{64}")
_REF: Final = lazy_pattern(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9_][A-Za-z0-9_./+@-]*(?<![./])")
_USER: Final = r"[A-Za-z0-9_][A-Za-z0-9_.~-]*@"
_HOST: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_URL: Final = lazy_pattern(rf"(?:https|ssh)://(?:{_USER})?{_HOST}(?::[0-9]+)?/[^\s\x00-\x1f\x7f]*")
_SCP: Final = lazy_pattern(rf"{_USER}{_HOST}:(?!-|//)[^\s\x00-\x1f\x7f]+")
_FILE: Final = lazy_pattern(r"file:///[^\x00-\x1f\x7f]+")
_ELSEWHERE: Final = "download it, and name the copy"


class RemoteFileError(Exception):
    """Why a remote file cannot be read: the code, what to say, and what to do about it. No code: that of the key."""

    def __init__(self, message: str, hint: str, code: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


class RemoteReference(NamedTuple):
    """A file of a repository: the address, the branch, tag or commit, and the path in it ("" for its top folder)."""

    url: str
    ref: str
    path: str
    protocol: str

    @property
    def key(self) -> str:
        """What the lock file calls the repository at this ref."""
        return f"{self.url}#{self.ref}"


def parse_reference(text: str) -> RemoteReference:
    """Read `ADDRESS[#REF[:PATH]]`, as Docker Compose has it.

    Raises:
        RemoteFileError: It is none that can be fetched.
    """
    url, _, fragment = text.partition("#")
    ref, _, path = fragment.partition(":")
    if url.startswith("github.com/"):
        url = f"https://{url}"
    if url.startswith("oci://"):
        raise RemoteFileError(
            f"{text} is remote, in a registry: only git repositories are fetched",
            f"{copy_of_artifact(text)}, and name that",
        )
    if url.startswith(("http://", "git://")):
        raise RemoteFileError(
            f"{text} is remote, over a protocol that does not authenticate the server",
            "write https:// or ssh://",
        )
    found = _URL.fullmatch(url) or _SCP.fullmatch(url) or _FILE.fullmatch(url)
    if found is None:
        raise RemoteFileError(
            "a remote file has an invalid address, or one with a password",
            "write https://HOST/PATH.git#REF:FILE, and leave passwords to git's credential helper",
        )
    if ref and not _REF.fullmatch(ref):
        raise RemoteFileError(
            f"{text} is remote, and {ref!r} is not a branch, tag or commit", "write #BRANCH:FILE"
        )
    path = path.strip("/")
    if path and not is_plain(path):
        raise RemoteFileError(
            f"{text} is remote, and {path!r} is not a path in it", "write #BRANCH:FOLDER/FILE"
        )
    protocol = "file" if url.startswith("file:") else "https" if url.startswith("https:") else "ssh"
    return RemoteReference(url, ref or "HEAD", path, protocol)


class RemoteFiles:
    """The remote files of one project.

    Args:
        directory: The project's directory, in which the copies are.
        environment: The variables of the process.
        allow: Whether what is not there yet may be fetched.
    """

    def __init__(self, directory: str, environment: Mapping[str, str], *, allow: bool) -> None:
        self._directory = directory
        self._environment = environment
        self._allow = allow
        self._lock: dict[str, dict[str, Any]] | None = None
        self._verified: set[str] = set()
        self.fetched: list[str] = []
        """What was fetched in this run: an address, and the commit."""

    @property
    def lock_file(self) -> str:
        """Where the lock file is."""
        return os.path.join(self._directory, LOCK)

    @property
    def _protocols(self) -> tuple[str, ...]:
        given = self._environment.get(PROTOCOLS_VARIABLE, "")
        return tuple(p for p in given.split(",") if p in _PROTOCOLS) if given else DEFAULT_PROTOCOLS

    def names(self, path: str) -> bool:
        """Tell whether `path` is remote: `file://` is a path as any other where nobody asked for that protocol."""
        return is_remote(path) or (
            path.startswith("file://") and ("file" in self._protocols or self._knows(path))
        )

    def _knows(self, path: str) -> bool:
        return parse_reference(path).key in self._entries() if _FILE.match(path) else False

    def local(self, path: str) -> str:
        """Give the copy of a remote file, which is fetched where that is allowed and it is not there.

        Raises:
            RemoteFileError: There is none.
        """
        reference = parse_reference(path)
        entry = self._entries().get(reference.key)
        if entry is None:
            entry = self._fetch(path, reference)
        commit = str(entry["commit"])
        if reference.key not in self._verified:
            self._verify(reference.key, commit, entry["files"])
        found = _compose_file(entry["files"], reference.path)
        if not found:
            raise RemoteFileError(
                f"{path} is remote, and there is no such file at commit {commit[:12]}",
                "write the path of a compose file, or of its folder, after #REF:",
                "C2F168",
            )
        return os.path.join(self._directory, FOLDER, commit, found)

    def top(self, path: str) -> str | None:
        """Give the top folder of the copy that `local` gave a file of; None where `path` is not remote."""
        if not self.names(path):
            return None
        commit = self._entries()[parse_reference(path).key]["commit"]
        return os.path.join(self._directory, FOLDER, str(commit))

    def _entries(self) -> dict[str, dict[str, Any]]:
        if self._lock is None:
            self._lock = self._read()
        return self._lock

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            held = parse_json(read_own(self.lock_file, inside=self._directory))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _damaged(error.strerror or str(error)) from error
        except ValueError:
            raise _damaged("it is not JSON") from None
        sources = held.get("sources") if isinstance(held, dict) and held.get("format") == FORMAT else None
        if not isinstance(sources, dict) or not all(map(_is_entry, sources.values())):
            raise _damaged(f"it is not one of format {FORMAT}")
        return sources

    def _verify(self, key: str, commit: str, wanted: Mapping[str, str]) -> None:
        """Hold the copies against the lock file: what was reviewed is what is read."""
        try:
            with Folder(os.path.join(self._directory, FOLDER), inside=self._directory) as folder:
                found = {
                    path.partition("/")[2]: _digest(folder.read(path)) for path in list(folder.files(commit))
                }
        except OSError as error:
            raise _differs(key, error.strerror or str(error)) from error
        changed = sorted(path for path in {*found, *wanted} if found.get(path) != wanted.get(path))
        if changed:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise _differs(key, f"{FOLDER}/{commit}/{changed[0]}{more}")
        self._verified.add(key)

    def _fetch(self, path: str, reference: RemoteReference) -> dict[str, Any]:
        if not self._allow:
            raise RemoteFileError(
                f"{path} is remote, and nothing is fetched without --allow-remote",
                f"use --allow-remote to fetch it once, with git, and keep a copy in {FOLDER}; or {_ELSEWHERE}",
            )
        if reference.protocol not in self._protocols:
            raise RemoteFileError(
                f"{path} is remote, over {reference.protocol}; {PROTOCOLS_VARIABLE} allows {', '.join(self._protocols)}",
                _ELSEWHERE,
                "C2F168",
            )
        from compose2fargate.compose.sources.git_fetch import GitError, fetch_tree

        try:
            tree = fetch_tree(reference.url, reference.ref, self._protocols, self._environment)
        except GitError as error:
            raise RemoteFileError(
                f"{path} cannot be fetched: {error}", "run git ls-remote with the same address", "C2F168"
            ) from error
        entry = {"commit": tree.commit, "files": {name: _digest(text) for name, text in tree.files.items()}}
        try:
            self._write(tree.commit, tree.files, {**self._entries(), reference.key: entry})
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise RemoteFileError(f"{path} cannot be kept: {reason}", "", "C2F168") from error
        self._entries()[reference.key] = entry
        self.fetched.append(f"{reference.key} at commit {tree.commit}")
        return entry

    def _write(self, commit: str, files: Mapping[str, bytes], lock: Mapping[str, Any]) -> None:
        """Write the files of a commit as a whole, and then the lock file that names them."""
        with Folder(os.path.join(self._directory, FOLDER), inside=self._directory, make=True) as folder:
            if folder.mode(commit) is None:
                folder.discard(_STAGED)  # of a run that was killed
                with folder.make_folder(_STAGED) as staged:
                    with staged.make_folder(commit) as into:
                        for path in sorted(files):
                            into.create(path, files[path])
                    staged.move_folder(commit, folder)
                folder.remove_empty(_STAGED)
            text = json.dumps({"format": FORMAT, "sources": lock}, indent=2, sort_keys=True) + "\n"
            folder.replace("lock.json", text.encode())


def _compose_file(files: Mapping[str, str], path: str) -> str:
    """Give the compose file that a path of a repository means: itself, or that of the folder; "" where there is none."""
    names = (f"{path}/{name}" if path else name for name in DEFAULT_NAMES)
    return path if path in files else next((name for name in names if name in files), "")


def _digest(content: bytes) -> str:
    from hashlib import sha256

    return f"sha256:{sha256(content).hexdigest()}"


def _is_entry(value: Any) -> bool:
    """Whether an entry of the lock file is of the form that `_fetch` writes, and leads nowhere else."""
    if (
        not isinstance(value, dict)
        or set(value) != {"commit", "files"}
        or not isinstance(value["files"], dict)
    ):
        return False
    files = value["files"].items()
    return bool(_COMMIT.fullmatch(str(value["commit"]))) and all(
        is_plain(path) and isinstance(digest, str) and _DIGEST.fullmatch(digest) for path, digest in files
    )


def _damaged(reason: str) -> RemoteFileError:
    hint = f"restore it from version control, or remove {FOLDER} and fetch with --allow-remote"
    return RemoteFileError(f"{LOCK} cannot be used: {reason}", hint, "C2F169")


def _differs(key: str, what: str) -> RemoteFileError:
    hint = f"restore {FOLDER} from version control, or remove it and fetch with --allow-remote"
    return RemoteFileError(f"the copy of {key} is not what {LOCK} says: {what}", hint, "C2F169")
