"""Fetches the files of a commit with the user's own `git`, from a repository that nobody vouches for.

Nothing is checked out: objects are fetched into an empty bare repository, listed and read. So no hook, filter or
attribute of the repository counts, no submodule is followed and no link is made; only the protocols that are asked
for are spoken, and nobody is asked for a password.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Final

from compose2fargate.disk.folder import is_plain
from compose2fargate.disk.scratch import discard, private_folder, unnamed_file
from compose2fargate.programs import environment_of_programs, find_program
from compose2fargate.records import NamedTuple

MAX_FILES: Final = 10_000
MAX_TOTAL: Final = 32 * 1024 * 1024
"""What is taken of a repository: it is written into the project, to be committed."""
_LARGEST: Final = 2 * MAX_TOTAL
"""Bytes of a file that git may write: a pack, which is smaller than what is in it, or a list."""
_TOO_LARGE: Final = getattr(signal, "SIGXFSZ", 25)
_CUT_OFF: Final = (f"died of signal {_TOO_LARGE:d}", "invalid index-pack output")
"""What git says when a program of its own has reached that."""
_SECONDS: Final = 300
_SHOWN: Final = 300
_REGULAR: Final = (b"100644", b"100755")
_GITS_OWN: Final = frozenset({".gitattributes", ".gitignore", ".gitmodules"})
"""Files that would change what the project's own git makes of the copies; Compose reads none of them."""
_OPTIONS: Final = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.askPass=", "credential.interactive=false", "gc.auto=0",
    "maintenance.auto=false", "fetch.recurseSubmodules=false", "protocol.allow=never",
    "fetch.unpackLimit=1",
)  # fmt: skip
_KEPT: Final = frozenset(
    {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"}
)


class GitError(Exception):
    """What git, or a limit of ours, has against a repository."""


class FetchedTree(NamedTuple):
    """A commit, and its regular files by path."""

    commit: str
    files: Mapping[str, bytes]


def fetch_tree(
    url: str, ref: str, protocols: Sequence[str], environment: Mapping[str, str], git: str = ""
) -> FetchedTree:
    """Fetch what `ref` names in the repository at `url`.

    Args:
        url: Where the repository is; no option, as it comes after `--`.
        ref: A branch, a tag, a commit or `HEAD`.
        protocols: What may be spoken, by git's names: `https`, `ssh`, `file`.
        environment: The variables of the process.
        git: The program; the one on the PATH where empty.

    Raises:
        GitError: It cannot be fetched, or is too much.
    """
    program = git or find_program("git", environment)
    if program is None:
        raise GitError("git is not installed")
    folder = private_folder("compose2fargate-git-")
    try:
        repository = _Repository(program, folder, protocols, environment)
        repository.run("init", "--bare", "--quiet", "--template=")
        repository.run(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-auto-gc", "--", url, ref
        )  # fmt: skip
        commit = repository.run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()
        return FetchedTree(commit, dict(repository.files(commit)))
    finally:
        discard(folder)


class _Repository:
    """The bare repository that is fetched into."""

    def __init__(
        self, program: str, folder: str, protocols: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        options = (*_OPTIONS, *(f"protocol.{name}.allow=always" for name in protocols))
        self._command = [program, *(word for option in options for word in ("-c", option))]
        self._command.append(f"--git-dir={folder}")
        self._environment = _surroundings(environment, protocols)
        self._folder = folder

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run git, and give what it prints. In a session of its own, neither git nor ssh finds a terminal to ask at.

        What it reads and prints goes through files, so that one limit holds for all that it writes: a repository of
        some hundred bytes may list a thousand million files.
        """
        with (
            unnamed_file(self._folder) as told,
            unnamed_file(self._folder) as out,
            unnamed_file(self._folder) as err,
        ):
            told.write(given)
            told.seek(0)
            status = self._ended(arguments, told, out, err)
            if not status:
                return _content(out)
            lines = _content(err).decode("utf-8", "replace").strip().splitlines()
        if status == -_TOO_LARGE or any(sign in line for line in lines for sign in _CUT_OFF):
            raise GitError(f"it is too much, or damaged: git may write {_LARGEST} bytes of it")
        said = next((line for line in lines if line.startswith(("fatal:", "error:"))), "".join(lines[-1:]))
        raise GitError(f"git says: {said[:_SHOWN]}" if said else f"git {arguments[0]} fails")

    def _ended(self, arguments: Sequence[str], told: IO[bytes], out: IO[bytes], err: IO[bytes]) -> int:
        """Run git to its end, and give its exit status."""
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; what comes from a project stands after `--`
                [*self._command, *arguments],
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_limited,  # noqa: PLW1509 - nothing else runs in this process yet
                stdin=told,
                stdout=out,
                stderr=err,
            )
        except OSError as error:
            raise GitError(f"git does not run: {error.strerror or error}") from None
        with process:
            try:
                return process.wait(_SECONDS)
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # git, and what it runs to connect
                if isinstance(error, subprocess.TimeoutExpired):
                    raise GitError(f"git does not answer within {_SECONDS} seconds") from None
                raise

    def files(self, commit: str) -> Iterator[tuple[str, bytes]]:
        """Yield the regular files of a commit; links and submodules are passed over."""
        found: dict[str, bytes] = {}
        total = 0
        for entry in self.run("ls-tree", "-r", "-z", "--long", "--full-tree", commit).split(b"\0")[:-1]:
            about, _, name = entry.partition(b"\t")
            mode, _, digest, size = about.split()
            path = name.decode("utf-8", "surrogateescape")
            if mode not in _REGULAR or path.rpartition("/")[2].lower() in _GITS_OWN:
                continue
            if not is_plain(path):
                raise GitError("it contains an invalid path")
            found[path] = digest
            total += int(size)
        if len(found) > MAX_FILES or total > MAX_TOTAL:
            raise GitError(
                f"it holds {len(found)} files with {total} bytes; at most {MAX_FILES} with {MAX_TOTAL} are taken"
            )
        printed = self.run("cat-file", "--batch", given=b"".join(d + b"\n" for d in found.values()))
        at = 0
        for path in found:
            end = printed.index(b"\n", at)
            length = int(printed[at:end].split()[2])
            yield path, printed[end + 1 : end + 1 + length]
            at = end + length + 2


def _limited() -> None:
    """Limit what the process, and what it starts, writes into one file. Runs in git's process, before git."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST, _LARGEST))


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_LARGEST)


def _surroundings(environment: Mapping[str, str], protocols: Sequence[str]) -> dict[str, str]:
    """Give git the user's variables, without those that lead it to another repository or let it ask."""
    kept = {
        name: value
        for name, value in environment_of_programs(environment).items()
        if name != "SSH_ASKPASS" and (not name.startswith("GIT_") or name in _KEPT or "CONFIG" in name)
    }
    return {
        **kept,
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        "LC_ALL": "C",
    }
