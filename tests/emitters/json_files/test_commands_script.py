"""`commands.sh`: a script that a shell can read, in which every id that is noted is made, and every file is handed over."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from compose2fargate.aws.resources import Existing, VpcNetwork
from compose2fargate.emitters.json_files.json_target import JsonEmitter
from compose2fargate.emitters.placeholders import WORD as PLACEHOLDER
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from tests.conftest import ROOT

SCRIPTS = sorted(ROOT.glob("fixtures/*/expected/json/commands.sh"))


def name(path: Path) -> str:
    return path.parents[2].name


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_shell_can_read_it(path: Path) -> None:
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_placeholder_of_the_files_is_filled_in_before_its_file_is_used(path: Path) -> None:
    script = path.read_text(encoding="utf-8")
    noted = set(re.findall(r"^ *(?:note|secretly \S+) '?([^ ']+)'? ", script, re.MULTILINE))
    for file in sorted(path.parent.rglob("*.json")):
        if file.name == "compose2fargate.json":
            continue
        found = set(re.findall(rf'"([^"]*{PLACEHOLDER}[^"]*)"', file.read_text(encoding="utf-8")))
        ours = {text for text in found if not text.startswith("fs-")}  # a file system that only the user has
        assert ours <= noted, file.name
        where = file.relative_to(path.parent).as_posix()
        if ours and where in script:
            # On no command line, and not among the ids, stands what holds a password by then.
            held = re.search(rf"\n  secretly {re.escape(where)} '?([^ ']+)'? aws ", script)
            assert f'"$(fill {where})"' in script or held
            ours -= {held[1]} if held else set()
            used = script.index(f" {where}")
            assert all(script.index(f"note {quoted(text, script)}") < used for text in ours)


def quoted(text: str, script: str) -> str:
    return f"'{text}'" if f"note '{text}'" in script else text


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_variable_is_set_before_it_is_used(path: Path) -> None:
    known = {"found", "said", "1", "2", "ids", "account", "operation", "tries", "0", "@"}
    known |= {"cluster", "container", "query", "codes", "code", "3"}  # of the function that waits for jobs
    known |= {"private"}  # of the function that hands a password over
    known |= {"id", "noted", "placeholder", "tab", "line"}  # of the function that notes ids
    for line in path.read_text(encoding="utf-8").splitlines():
        loops = set(re.findall(r"^for ([a-z0-9_]+) in ", line))
        if not line.startswith("#"):
            used = set(re.findall(r"\$\{?([a-z0-9_@]+)", line)) - known
            assert used <= known | loops, line
        known |= set(re.findall(r"^([a-z0-9_]+)=", line))


def test_a_load_balancer_with_a_name_is_looked_up() -> None:
    stack = sample_stack()
    named = stack._replace(resources={**stack.resources, "load-balancer": Existing("LoadBalancer", "shared")})
    script = JsonEmitter().emit(named, Settings())["commands.sh"]
    found = script.index("make aws elbv2 describe-load-balancers --names '[\"shared\"]' --query")
    kept = script.index("\nload_balancer=$found\n", found)
    assert '--load-balancer-arn "$load_balancer"' in script[kept:]


def test_the_namespace_of_services_is_made_before_them_with_tags() -> None:
    """ECS would make one with the cluster, without the stack's tags; AWS refuses a service whose namespace is not there."""
    guest = (ROOT / "fixtures/docker-ecs-integration/expected/json/commands.sh").read_text("utf-8")
    assert "create-cluster" not in guest
    assert guest.index("create-http-namespace --name legacy") < guest.index("aws ecs create-service")
    own = (ROOT / "fixtures/sample/expected/json/commands.sh").read_text("utf-8")
    made = (
        'create-http-namespace --name shop --tags \'[{"Key": "compose2fargate:project", "Value": "shop"}]\''
    )
    assert own.index(made) < own.index("aws ecs create-cluster")


def test_a_cache_that_takes_longer_than_one_wait_is_waited_for(tmp_path: Path) -> None:
    script = (ROOT / "fixtures/managed-stores/expected/json/commands.sh").read_text("utf-8")
    lines = script[: script.index("make aws elasticache describe")].splitlines()
    start = len(lines) - 1 - next(i for i, line in enumerate(reversed(lines)) if line == "tries=0")
    loop = "\n".join(lines[start:])

    def ran(patience: int) -> int:
        """Run the loop with a wait that gives up `patience` times."""
        (tmp_path / "left").write_text("x" * patience)
        (tmp_path / "aws").write_text(
            f'#!/bin/sh\ncd {tmp_path}\n[ -s left ] || exit 0\nleft=$(cat left); printf %s "${{left%x}}" >left; exit 255\n'
        )
        (tmp_path / "aws").chmod(0o755)
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(["sh", "-c", loop], env=environment, capture_output=True, timeout=20).returncode

    assert [ran(0), ran(2), ran(100)] == [0, 0, 1]


_AWS = """#!/bin/sh
echo "$@" >>"{journal}"
case "$1 $2" in
  "ecs describe-services") ;;
  "efs describe-mount-targets") ;;
  "ecs describe-tasks") echo {code} ;;
  *) echo made ;;
esac
"""


@pytest.mark.parametrize(("code", "status"), [("0", 0), ("0 3", 1), ("", 1)])
def test_what_waits_for_a_job_is_made_when_the_job_ended_well(code: str, status: int, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    (tmp_path / "aws").write_text(_AWS.format(journal=journal, code=code), encoding="utf-8")
    (tmp_path / "aws").chmod(0o755)
    script = ROOT / "fixtures/ordering/expected/json/commands.sh"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(script)], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    calls = journal.read_text(encoding="utf-8").splitlines()
    waited = calls.index('ecs wait services-stable --cluster ordered-production --services ["db"]')
    ran = next(n for n, call in enumerate(calls) if call.startswith("ecs run-task"))
    assert waited < ran < calls.index("ecs wait tasks-stopped --cluster ordered-production --tasks made")
    assert any("services/api.json" in call for call in calls) is (status == 0)
    assert ("migrate did not end well" in done.stderr) is (status == 1)


def run(script: str, folder: Path, answers: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with an AWS CLI that gives these answers (branches of a `case` over its words) and writes down its calls."""
    folder.mkdir(exist_ok=True)
    (folder / "aws").write_text(
        f'#!/bin/sh\necho "$@" >>"{folder}/journal"\ncase "$*" in\n{answers}\n  *) exit 1 ;;\nesac\n',
        encoding="utf-8",
    )
    (folder / "aws").chmod(0o755)
    (folder / "commands.sh").write_text(script, encoding="utf-8")
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(folder / "commands.sh")], env={"PATH": path, **environment}, capture_output=True, text=True
    )


def calls_of(folder: Path) -> list[str]:
    return (folder / "journal").read_text("utf-8").splitlines()


def test_nothing_is_made_before_the_images_are_pushed(tmp_path: Path) -> None:
    script = (ROOT / "fixtures/sample/expected/json/commands.sh").read_text("utf-8")
    done = run(script, tmp_path, "  sts*) echo 1 ;;")
    assert done.returncode == 1
    assert 'shop/migrate has no image with [{"imageTag": "latest"}]: push it first' in done.stderr
    assert [call for call in calls_of(tmp_path) if " create-" in call] == []


_MADE = """  *describe-services*|*describe-mount-targets*) ;;
  *describe-tasks*) echo 0 ;;
  *) echo made ;;"""


@pytest.mark.parametrize(
    "call",
    [
        "ecs create-cluster", "logs put-retention-policy", "iam put-role-policy", "ecs register-task-definition",
        "ecs create-service", "ecs run-task", "application-autoscaling put-scaling-policy",
    ],
)  # fmt: skip
def test_the_first_call_that_fails_ends_the_script(call: str, tmp_path: Path) -> None:
    """A job on the revision of yesterday would be worse than none, and so would be a script that says that all went well."""
    script = JsonEmitter().emit(sample_stack(), Settings())["commands.sh"]
    assert f"aws {call} " in script
    files = {"SECRETS": str(tmp_path)}
    whole = run(script, tmp_path / "whole", _MADE, **files)
    assert whole.returncode == 0, whole.stderr
    done = run(script, tmp_path / "failing", f"  '{call} '*) echo no >&2; exit 254 ;;\n{_MADE}", **files)
    assert done.returncode != 0
    calls = calls_of(tmp_path / "failing")
    assert [one for one in calls if one.startswith(call)] == calls[-1:]


def head_and_secrets() -> str:
    """The sample's script as far as its secrets."""
    script = JsonEmitter().emit(sample_stack(), Settings())["commands.sh"]
    return script[: script.index("# the namespace in which ")]


_PUSHED = "  sts*|*describe-images*) echo x ;;"


@pytest.mark.parametrize(
    ("answers", "made"),
    [
        ("  *get-parameter*) echo s3cret ;;\n  *VersionIds*) echo v1 ;;", []),
        ("  *get-parameter*) echo REPLACE_ME ;;\n  *VersionIds*) echo None ;;\n  *describe-secret*) echo arn ;;\n  *put-*) ;;",
         ["ssm put-parameter --overwrite", "secretsmanager put-secret-value"]),
        ("  *put-parameter*|*create-secret*) ;;",
         ["ssm put-parameter --type", "secretsmanager create-secret"]),
    ],
    ids=["valued", "empty", "missing"],
)  # fmt: skip
def test_a_secret_without_a_value_gets_one(answers: str, made: list[str], tmp_path: Path) -> None:
    """One that has a value needs no file, so that `secrets push` before it is enough."""
    given = {"SECRETS": "/secrets"} if made else {}
    done = run(head_and_secrets(), tmp_path, f"{_PUSHED}\n{answers}", **given)
    assert done.returncode == 0, done.stderr
    written = [call for call in calls_of(tmp_path) if "put-" in call or "create-" in call]
    assert [call.startswith(expected) for call, expected in zip(written, made, strict=True)] == [True] * len(
        made
    )
    assert all("file:///secrets/" in call for call in written)


def test_services_are_made_when_every_mount_target_is_there(tmp_path: Path) -> None:
    script = JsonEmitter().emit(sample_stack(), Settings())["commands.sh"]
    start = script.index("tries=0\nwhile known aws efs describe-mount-targets")
    assert script.index("create-mount-target") < start < script.index("create-service")
    loop = script[start : script.index("done\n", start) + 5].replace("sleep 5", "sleep 0")
    known = script[script.index("known() ") : script.index("# Makes something, and gives")]
    waiting = f'  *) [ -f "{tmp_path}/asked" ] && exit 0; touch "{tmp_path}/asked"; echo fsmt-1 ;;'
    done = run(f"file_system=fs-1\n{known}\n{loop}", tmp_path, waiting)
    assert done.returncode == 0, done.stderr
    assert len(calls_of(tmp_path)) == 2


def test_a_vpc_alone_gives_one_subnet_of_each_zone(tmp_path: Path) -> None:
    """What AWS lists first suits the tasks' addresses; a zone's second subnet is left out."""
    stack = sample_stack()
    alone = stack._replace(resources={**stack.resources, "network": VpcNetwork("vpc-1")})
    script = JsonEmitter().emit(alone, Settings())["commands.sh"]
    head, rest = script.split("# where tasks and load balancers are placed\n")
    lines = f"{head[: head.index('# images')]}{rest.partition(chr(10) * 2)[0]}\necho $subnets\n"
    listed = r"  *describe-subnets*) printf 'z1\tsubnet-1\nz1\tsubnet-2\nz2\tsubnet-3\n' ;;"
    done = run(lines, tmp_path, f"{_PUSHED}\n{listed}")
    assert done.stdout == "subnet-1 subnet-3\n", done.stderr
    assert "MapPublicIpOnLaunch==`true`" in script


_SLEEPING_AWS = r"""#!/bin/sh
case "$*" in
  *"rds wait"*) touch "$JOURNAL/waits"; exec sleep 60 ;;
  *create-db-instance*) touch "$JOURNAL/creates"; [ -z "$SLOW" ] || exec sleep 60 ;;
  *get-caller-identity*) echo 123456789012 ;;
  *get-parameter*json*) echo '"canary-Passw0rd"' ;;
  *describe-db-instances*) ;;
  *describe-vpcs*) echo vpc-1 ;;
  *describe-subnets*) echo subnet-1 subnet-2 ;;
  *) echo made ;;
esac
"""


@pytest.mark.parametrize("shell", ["dash", "bash", "sh"])
@pytest.mark.parametrize(("slow", "at"), [("1", "creates"), ("", "waits")])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_no_password_is_left_on_the_disk_when_it_is_interrupted(
    shell: str, slow: str, at: str, sent: signal.Signals, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    tools, kept, journal = (tmp_path / name for name in ("tools", "kept", "journal"))
    for folder in (tools, kept, journal):
        folder.mkdir()
    (tools / "aws").write_text(_SLEEPING_AWS, encoding="utf-8")
    (tools / "aws").chmod(0o755)
    variables = {"SECRETS": "/secrets", "TMPDIR": str(kept), "JOURNAL": str(journal), "SLOW": slow}
    script = ROOT / "fixtures/managed-stores/expected/json/commands.sh"
    running = subprocess.Popen(
        [shell, str(script)],
        env={**os.environ, **variables, "PATH": f"{tools}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),  # noqa: PLW1509 - what `nohup` ignores, no shell can trap
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not (journal / at).exists():
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        # Once the database is made, the password is needed no more.
        texts = [path.read_text() for path in kept.rglob("*") if path.is_file()]
        assert any("canary" in text for text in texts) is (at == "creates")
        os.killpg(running.pid, sent)  # as a terminal does
        assert running.wait(30) == 128 + sent
        assert list(kept.iterdir()) == []
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait(30)
