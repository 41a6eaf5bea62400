"""The hash of a service is the one that Docker Compose 2.40.3 prints."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.differential.oracle import RELEASE

COMPOSE = """\
name: demo
services:
  rich:
    image: "app:1 <&> é\\u2028"
    annotations: {b: "1", a: "2"}
    blkio_config: {weight: 10, weight_device: [{path: /dev/sda, weight: 5}], device_read_bps: [{path: /dev/sda, rate: 12mb}]}
    cap_add: [NET_ADMIN]
    command: ["a", "b c"]
    configs: [{source: c, target: /c, mode: 0440, uid: "1", gid: "2"}]
    cpus: 0.5
    credential_spec: {file: x.json}
    depends_on: [plain]
    deploy:
      mode: replicated
      replicas: 3
      labels: {z: "1", y: "2"}
      endpoint_mode: vip
      update_config: {parallelism: 2, delay: 10s, order: start-first, failure_action: rollback, max_failure_ratio: 0.5, monitor: 1m}
      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 2m}
      placement: {constraints: ["node.role==manager"], preferences: [{spread: node.labels.zone}], max_replicas_per_node: 1}
      resources:
        limits: {cpus: "0.5", memory: 512M, pids: 10}
        reservations:
          memory: 64M
          devices: [{driver: nvidia, count: 1, capabilities: [gpu], options: {b: "1", a: "2"}}]
          generic_resources: [{discrete_resource_spec: {kind: GPU, value: 2}}]
    devices: ["/dev/a:/dev/b:rw"]
    dns: [1.1.1.1]
    entrypoint: ["/e"]
    environment: {B: "1", A: "x<y>", C: null}
    expose: ["80"]
    extra_hosts: ["h:1.2.3.4"]
    gpus: [{driver: x, count: 2}]
    healthcheck: {test: ["CMD", "x"], interval: 90s, timeout: 3s, retries: 3, start_period: 5s, start_interval: 1s}
    init: true
    labels: {b: "1", a: "<2>"}
    logging: {driver: json-file, options: {max-size: "1m", a: "b"}}
    mem_limit: 512m
    networks: {front: {aliases: [z, a], ipv4_address: 10.0.0.5, priority: 5, driver_opts: {b: "1"}, mac_address: "02:42:ac:11:65:43"}}
    ports: ["127.0.0.1:8080:80/udp", {target: 90, name: n, app_protocol: http, published: "91"}]
    post_start: [{command: ["x"], user: root, privileged: true, working_dir: /w, environment: {A: "1"}}]
    profiles: [p]
    pull_policy: always
    secrets: [{source: s, target: t, mode: 0400}]
    stop_grace_period: 1m30s
    sysctls: {b: "1", a: "2"}
    tmpfs: [/tmp]
    ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}
    volumes:
      - {type: bind, source: /x, target: /y, read_only: true, bind: {propagation: rslave, selinux: z, recursive: enabled}}
      - {type: volume, source: data, target: /d, volume: {nocopy: true, subpath: s}}
      - {type: tmpfs, target: /t, tmpfs: {size: 10m, mode: 1777}}
      - {type: image, source: img, target: /i, image: {subpath: q}}
    x-custom: 1
  plain: {image: x}
volumes: {data: }
networks: {front: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
configs: {c: {content: x}}
secrets: {s: {environment: X}}
"""
ELSEWHERE = """\
name: demo
services:
  watched:
    image: x
    build: ./b
    label_file: l.env
    develop: {watch: [{path: ./src, action: sync, target: /src, ignore: [x]}]}
    volumes: [".:/app", "~/x:/x:ro"]
    secrets: [s]
    deploy: {replicas: 2}
  plain: {image: x, links: ["watched:w"], network_mode: "service:watched"}
secrets: {s: {file: ./s}}
"""
RECORDED = """\
plain d5457d0b2799957b606d2ac4ed52d85a1e75799490e56229948300b9a59e8953
rich 05d24ba2f77da0bacf44943361f0746c5a3a0441545e926cf2d91c370957ec79
"""


def test_the_hash_is_the_recorded_one_for_every_kind_of_key(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    result = program("--profile", "p", "config", "--hash", "*", cwd=tmp_path)
    assert result.out == RECORDED, result.err


@pytest.mark.conformance
@pytest.mark.parametrize("text", [COMPOSE, ELSEWHERE])
def test_the_hash_is_that_of_docker_compose(text: str, program: Program, tmp_path: Path) -> None:
    oracle = os.environ.get("COMPOSE_ORACLE")
    if not oracle:
        pytest.skip("COMPOSE_ORACLE names no Docker Compose binary")
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "l.env").write_text("com.example.a=1\n")
    arguments = ("--profile", "p", "config", "--hash", "*")
    done = subprocess.run(
        [oracle, *arguments], cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert program("--compose-version", RELEASE, *arguments, cwd=tmp_path).out == done.stdout
