from __future__ import annotations

import pytest

from compose2fargate.diagnostics import Diagnostic, LoadError, Location
from tests.compose.conftest import LoadFiles

OTHERS = (
    "  db: {image: i}\n"
    "  built: {build: .}\n"
    "  off: {image: i, profiles: [p]}\n"
    "networks: {n: }\n"
    "volumes: {data: }\n"
    "secrets: {s: {external: true}}\n"
    "configs: {c: {external: true}}\n"
)


def findings(load_files: LoadFiles, body: str) -> list[Diagnostic]:
    text = f"services:\n  web:\n    {body}\n{OTHERS}"
    try:
        loaded = load_files(text)
    except LoadError as error:
        return list(error.diagnostics)
    return list(loaded.diagnostics)


# What the service says, and what its path in the finding is
WRONG: dict[str, tuple[str | int, ...]] = {
    "user: u": (),
    "image: ''": (),
    "{image: i, networks: [no]}": ("networks", "no"),
    "{image: i, networks: {x-n: }}": ("networks", "x-n"),
    "{image: i, networks: [n], network_mode: host}": ("network_mode",),
    "{image: i, network_mode: 'service:no'}": ("depends_on", "no"),
    "{image: i, depends_on: [no]}": ("depends_on", "no"),
    "{image: i, depends_on: {no: {condition: service_started, required: false}}}": ("depends_on", "no"),
    "{image: i, depends_on: ['off']}": ("depends_on", "off"),
    "{image: i, depends_on: [web]}": ("depends_on", "web"),
    "{image: i, links: [no]}": ("depends_on", "no"),
    "{image: i, volumes_from: [no]}": ("depends_on", "no"),
    "{image: i, volumes: ['/a', 'no:/x']}": ("volumes", 1),
    "{image: i, secrets: [no]}": ("secrets", 0),
    "{image: i, configs: [no]}": ("configs", 0),
    "{image: i, models: [no]}": ("models", "no"),
    "{build: {context: ., secrets: [no]}}": ("build", "secrets", 0),
    "{build: {context: ., dockerfile: x, dockerfile_inline: FROM x}}": ("build", "dockerfile"),
    "{platform: a, build: {context: ., platforms: [b]}}": ("build", "platforms"),
    "{build: {context: ., additional_contexts: {x: 'service:no'}}}": ("build", "additional_contexts", "x"),
    "{build: {context: ., additional_contexts: {x: 'service:db'}}}": ("build", "additional_contexts", "x"),
    "{image: i, healthcheck: {test: [curl, x]}}": ("healthcheck", "test"),
    "{image: i, scale: 2, deploy: {replicas: 3}}": ("scale",),
    "{image: i, scale: -1}": ("scale",),
    "{image: i, deploy: {replicas: -1}}": ("deploy", "replicas"),
    "{image: i, scale: 2, container_name: abc}": ("container_name",),
    "{image: i, deploy: {replicas: 2}, container_name: abc}": ("container_name",),
    "{image: i, cpus: 1, deploy: {resources: {limits: {cpus: '2'}}}}": ("cpus",),
    "{image: i, mem_limit: 1g, deploy: {resources: {limits: {memory: 2g}}}}": ("mem_limit",),
    "{image: i, mem_reservation: 1g, deploy: {resources: {reservations: {cpus: '1'}}}}": ("mem_reservation",),
    "{image: i, pids_limit: 5, deploy: {resources: {limits: {cpus: '1'}}}}": ("pids_limit",),
    "{image: i, develop: {watch: [{path: ., action: sync}]}}": ("develop", "watch", 0),
    "{image: i, tmpfs: ['/a', '/a:size=1']}": ("tmpfs", 1),
    "{image: i, tmpfs: /a, volumes: ['/x:/a']}": ("volumes", 0),
}


@pytest.mark.parametrize("body", WRONG)
def test_parts_that_do_not_fit_are_located(body: str, load_files: LoadFiles) -> None:
    (found,) = findings(load_files, body)
    assert found.path == ("services", "web", *WRONG[body])
    assert found.code in {"C2F158", "C2F159"}
    assert isinstance(found.location, Location)
    assert found.location.line in {2, 3}


@pytest.mark.parametrize(
    "body",
    [
        "image: i",
        "build: .",
        "provider: {type: x}",
        "{image: i, networks: [n], volumes: ['data:/x', '/y'], secrets: [s], configs: [c]}",
        "{image: i, depends_on: {'off': {condition: service_started, required: false}}}",
        "{image: i, network_mode: 'service:db'}",
        "{build: {context: ., additional_contexts: {x: 'service:built', y: 'https://x'}}}",
        "{platform: a, build: {context: ., platforms: [b, a]}}",
        "{image: i, healthcheck: {test: []}}",
        "{image: i, scale: 2, deploy: {replicas: 2}}",
        "{image: i, cpus: 0.5, deploy: {resources: {limits: {cpus: '0.50'}}}}",
        "{image: i, mem_limit: 1g, deploy: {resources: {limits: {memory: 1024m}}}}",
        "{image: i, mem_limit: 1g, deploy: {resources: {reservations: {memory: 2g}}}}",
        "{image: i, develop: {watch: [{path: ., action: rebuild}, {path: ., action: sync, target: /x}]}}",
        "{image: i, container_name: abc, scale: 1}",
    ],
)
def test_parts_that_fit_are_accepted(body: str, load_files: LoadFiles) -> None:
    assert findings(load_files, body) == []


def test_scale_is_copied_to_replicas(load_files: LoadFiles) -> None:
    loaded = load_files("services: {web: {image: i, scale: 0, deploy: {mode: replicated, labels: [a]}}}")
    deploy = loaded.tree["services"]["web"]["deploy"]
    assert list(deploy) == ["mode", "replicas", "labels", "resources", "placement"]
    assert deploy["replicas"] == 0


def test_services_that_depend_on_each_other_in_a_circle_are_refused_once(load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(
            "services:\n"
            "  a: {image: i, depends_on: [b, d]}\n"
            "  b: {image: i, depends_on: [c]}\n"
            "  c: {image: i, depends_on: [a]}\n"
            "  d: {image: i, depends_on: [b]}\n"
        )
    (found,) = caught.value.diagnostics
    assert "a -> b -> c -> a" in found.message


def test_a_long_chain_of_dependencies_is_no_circle(load_files: LoadFiles) -> None:
    links = [f"  s{n}: {{image: i, depends_on: [s{n + 1}]}}" for n in range(2000)]
    loaded = load_files("\n".join(["services:", *links, "  s2000: {image: i}"]))
    assert len(loaded.tree["services"]) == 2001


def test_two_services_cannot_have_one_container_name(load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files("services:\n  a: {image: i, container_name: abc}\n  b: {image: i, container_name: abc}\n")
    (found,) = caught.value.diagnostics
    assert (found.code, str(found.location)) == ("C2F159", "compose.yaml:3:17")


RESOURCES = {
    "volumes: {v: {external: true, driver: x}}": ("volumes", "v", "driver"),
    "secrets: {v: {}}": ("secrets", "v"),
    "secrets: {v: {file: a, environment: b}}": ("secrets", "v", "environment"),
    "secrets: {v: {external: false}}": ("secrets", "v"),
    "configs: {v: {file: a, content: b}}": ("configs", "v", "content"),
    "configs: {v: {}}": ("configs", "v"),
}


@pytest.mark.parametrize("text", RESOURCES)
def test_unused_resources_are_checked_too(text: str, load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(f"services: {{web: {{image: i}}}}\n{text}\n")
    (found,) = caught.value.diagnostics
    assert found.path == RESOURCES[text]
    assert found.location is not None
    assert found.location.line == 2


SINGLE_KEYS = {
    "volumes: [{type: bind, target: /x}]": "C2F155",
    "develop: {watch: [{path: '', action: rebuild}]}": "C2F156",
    "gpus: [{count: 1, device_ids: [a]}]": "C2F156",
    "ports: [{target: 80, host_ip: ''}]": "C2F153",
    "depends_on: {db: }": "C2F140",
}


@pytest.mark.parametrize("body", SINGLE_KEYS)
def test_single_keys_are_checked(body: str, load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(f"services:\n  web:\n    image: i\n    {body}\n  db: {{image: i}}\n")
    assert [d.code for d in caught.value.diagnostics] == [SINGLE_KEYS[body]]
