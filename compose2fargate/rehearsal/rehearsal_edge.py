"""The edge of a rehearsal: one container that is the load balancers of the stack and the resolver of its VPC."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal import local_load_balancer, task_containers
from compose2fargate.rehearsal.configuration_text import configuration
from compose2fargate.rehearsal.engine import LABEL, EngineError, engine_errors, explanation
from compose2fargate.rehearsal.rehearsal_plan import EDGE, RehearsedUnit
from compose2fargate.rehearsal.rehearsal_run import RehearsalRun
from compose2fargate.rehearsal.task_network import FOLDER


class LocalAddress(NamedTuple):
    """Where a listener of a load balancer answers on this machine."""

    listener: str
    url: str
    port: int


class Edge:
    """The edge, once it is open.

    Attributes:
        container: Its container; "" before there is one.
        addresses: Where its listeners answer on this machine.
        raises_limits: Whether the engine may give containers as many open files as Fargate does.
    """

    def __init__(self, run: RehearsalRun) -> None:
        self._run = run
        self.container = ""
        self.addresses: tuple[LocalAddress, ...] = ()
        self.raises_limits = True

    def open(self) -> None:
        """Start the load balancers and the resolver.

        Raises:
            EngineError: The engine refuses.
        """
        listening = local_load_balancer.haproxy_listeners(self._run.plan)
        engine = self._run.engine
        arguments, options = self._order(sorted({listener.port for listener in listening.values()}))
        with engine_errors("the load balancer of the rehearsal cannot be started"):
            with self._run.pace.starting():
                self._start(arguments, options)
                ready = engine.wait_for_line(self.container, "ready")
            if not ready:
                why = "; ".join(engine.logs(self.container)) or "it ended at once"
                message = f"the load balancer does not start: {why}"
                raise EngineError(Diagnostic("C2F551", Severity.ERROR, message))
            published = engine.addresses(self.container)
        self.addresses = tuple(
            LocalAddress(node, f"{listener.protocol.lower()}://localhost:{port}/", port)
            for node, listener in listening.items()
            for port in [published.get(listener.port, 0)]
        )

    def _order(self, ports: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give what the engine is told of the edge: arguments and host options. Ports are opened on loopback only."""
        project, client = self._run.plan.project, self._run.engine.client
        network = f"rehearsal-{project}"
        endpoint = client.create_endpoint_config(ipv4_address=self._run.subnet.at(EDGE))
        arguments = {
            "image": self._run.helper,
            "command": ["edge"],
            "name": f"{network}-edge",
            "labels": {LABEL: project},
            "ports": list(ports),
            "networking_config": client.create_networking_config({network: endpoint}),
        }
        options = {
            "network_mode": network,
            "cap_add": ["NET_ADMIN"],
            "port_bindings": {port: ("127.0.0.1", port if _is_free(port) else None) for port in ports},
            "ulimits": task_containers.nofile(task_containers.NOFILE),
        }
        return arguments, options

    def _start(self, arguments: Mapping[str, Any], options: dict[str, Any]) -> None:
        """Start it, and find out what the engine may do: it is the first container of a rehearsal."""
        files = {
            "haproxy.cfg": local_load_balancer.haproxy_configuration(self._run.plan, self._run.subnet),
            "dnsmasq.conf": local_load_balancer.dns_configuration(self._run.plan),
        }
        for _ in range(3):
            self.container = self._run.create(arguments, options)
            self._run.engine.put(self.container, FOLDER, files)
            try:
                self._run.engine.start(self.container)
            except Exception as error:
                self._run.engine.remove(self.container)
                told = explanation(error)
                if "rlimit" in told.lower() and self.raises_limits:
                    # An engine without the right to raise limits: containers get what it has itself.
                    options["ulimits"], self.raises_limits = [], False
                elif "already allocated" in told or "already in use" in told:
                    # Somebody took a port since it was looked at.
                    options["port_bindings"] = dict.fromkeys(options["port_bindings"], ("127.0.0.1", None))
                else:
                    raise
            else:
                return

    def announce(self, unit: RehearsedUnit) -> None:
        """Let the private DNS know the tasks of a service."""
        lines = [
            f"{self._run.subnet.at(b)} {name}.{self._run.plan.domain}"
            for name in unit.registered
            for b in unit.addresses
        ]
        if lines and self._run.plan.domain:
            self._run.engine.put(self.container, f"{FOLDER}/names", {unit.name: configuration(lines)})


def _is_free(port: int) -> bool:
    """Tell whether a port of this machine's loopback is free; another rehearsal or server may have it."""
    with closing(socket.socket()) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
