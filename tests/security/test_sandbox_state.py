"""The file in which a sandbox is found again: no link of the cache folder is followed, and no pipe waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compose2fargate.apply.sandbox import sandbox_session
from compose2fargate.apply.sandbox.sandbox_state import file_of
from compose2fargate.diagnostics import UsageError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(file_of(str(tmp_path)))


def lay(kind: str, state: Path, victim: Path) -> None:
    if kind == "link":
        state.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(state)
    elif kind == "device":
        state.symlink_to("/dev/zero")
    else:
        state.parent.rmdir()
        (victim.parent / "elsewhere").mkdir()
        (victim.parent / "elsewhere" / state.name).write_text("keep me")
        state.parent.symlink_to(victim.parent / "elsewhere")


@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_a_trap_in_the_cache_is_taken_away_and_not_followed(kind: str, state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    lay(kind, state, victim)
    assert sandbox_session.find_sandbox(str(tmp_path)) is None
    assert sandbox_session.stop_sandbox(str(tmp_path)) is False
    assert not os.path.lexists(state)
    assert victim.read_text() == "keep me"


def test_a_link_in_the_place_of_the_folder_is_refused(state: Path, tmp_path: Path) -> None:
    lay("folder", state, tmp_path / "victim")
    with pytest.raises(UsageError) as refused:
        sandbox_session.stop_sandbox(str(tmp_path))
    (found,) = refused.value.diagnostics
    assert (found.code, refused.value.exit_code) == ("C2F494", 2)
    assert state.read_text() == "keep me"


@pytest.mark.parametrize("text", ["", "[", "[" * 200_000, "{}", '{"url": 5}', "5"])
def test_a_damaged_file_is_that_of_no_sandbox(text: str, state: Path, tmp_path: Path) -> None:
    state.write_text(text)
    assert sandbox_session.find_sandbox(str(tmp_path)) is None
    assert sandbox_session.stop_sandbox(str(tmp_path)) is False
    assert not state.exists()
