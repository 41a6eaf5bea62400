"""The fake AWS as a web application: moto behind a journal, faults and scripted failures.

It can be called in two ways that share everything: as a server, by anything that speaks to AWS, and from inside the
process, by a boto3 session (`attach`) that then never opens a socket. Requests are answered one at a time, so a run
is the same each time; waiting (latency) happens outside of that.

As a server it answers nobody who does not know its token, see `guard`.

Control calls, for tests and for the command line; bodies and answers are JSON, the token is in the header
`X-Sandbox-Token`:

    POST /_sandbox/faults      {"service": "ecs", "operation": "Create.*", "times": 1, "skip": 0, "code": "…", "text": "…",
                                "members": {}, "status": 400, "latency": 0.0, "after": false, "reset": false, "kill": PID}
    POST /_sandbox/behaviour   see `ecs.Behaviour`
    GET  /_sandbox/behaviours  what is scripted    POST /_sandbox/forget  forgets that
    GET  /_sandbox/calls       the journal        POST /_sandbox/clear   forgets journal, faults and behaviours
    POST /_sandbox/reset       empties the account
    GET  /_sandbox             what this is       POST /_sandbox/stop    ends the server
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from compose2fargate.records import NamedTuple

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

PREFIX = "/_sandbox"
ACCOUNT = "123456789012"
REGION = "us-east-1"


class RecordedCall(NamedTuple):
    """One call that was made, as `ecs`, `CreateService`, its HTTP status, and whether a fault was injected."""

    service: str
    operation: str
    status: int
    faulted: bool


class InjectedFault(NamedTuple):
    """What goes wrong with calls that match: the first `skip` of them pass, the next `times` are hit.

    Attributes:
        service: The signing name of the service (`ecs`, `elasticloadbalancing`); "" for any.
        operation: A regular expression for the whole name of the operation.
        times: How many calls are hit.
        skip: How many matching calls pass before.
        code: The error's code; "" for no error (latency only).
        text: The error's message.
        members: What else is in the error, where the service speaks JSON.
        status: The error's HTTP status.
        latency: Seconds to wait before anything else.
        after: Do the work first, then fail: the answer is lost.
        reset: Close the connection instead of answering.
        kill: End this process (the client's) hard; 0 for none.
    """

    service: str = ""
    operation: str = ".*"
    times: int = 1
    skip: int = 0
    code: str = ""
    text: str = "injected by the sandbox"
    members: Mapping[str, Any] = {}
    status: int = 400
    latency: float = 0.0
    after: bool = False
    reset: bool = False
    kill: int = 0

    @property
    def fails(self) -> bool:
        """Whether the caller gets no answer of the service itself."""
        return bool(self.code or self.reset or self.kill)


class ConnectionLost(Exception):  # noqa: N818 - it is not an error of ours
    """The caller is to see a closed connection."""


class Sandbox:
    """The fake AWS; one per process, since moto keeps its state globally. A WSGI application."""

    def __init__(self) -> None:
        from compose2fargate.apply.sandbox import moto_patches
        from compose2fargate.apply.sandbox.fake_ecs_inputs import DEMANDED
        from compose2fargate.apply.sandbox.rate_limits import RateLimits
        from compose2fargate.apply.sandbox.task_behaviour import BEHAVIOURS

        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # half a second each time
        moto_patches.patch_moto()
        from moto import backends
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        modules = tuple(backends.list_of_moto_modules())
        backends.list_of_moto_modules = lambda: modules  # for each call it looks through moto's folder

        self.calls: list[RecordedCall] = []
        self.on_stop: Callable[[], None] = lambda: None
        self.used = time.monotonic()
        self._faults: list[InjectedFault] = []
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._one_at_a_time = threading.Lock()
        self._guard = threading.Lock()
        self._behaviours = BEHAVIOURS
        self._demanded = DEMANDED
        self._limits = RateLimits()
        self.reset()

    def reset(self) -> None:
        """Empty the account, and forget journal, faults and behaviours."""
        from moto.moto_api._internal.models import moto_api_backend

        moto_api_backend.reset()
        self.clear()

    def clear(self) -> None:
        """Forget journal, faults, limits, behaviours and demands; what exists stays."""
        self._limits.clear()
        with self._guard:
            self.calls.clear()
            self._faults.clear()
            self._behaviours.clear()
            self._demanded.clear()

    def fault(self, **members: Any) -> None:
        """Let calls go wrong; see `Fault`."""
        with self._guard:
            self._faults.append(InjectedFault(**members))

    def demand_inputs(self) -> None:
        """Start no task from here on without its images in ECR and the values of its secrets."""
        with self._guard:
            self._demanded.add("inputs")

    def behave(self, name: str, **members: Any) -> None:
        """Script what tasks of a service or family do; see `ecs.Behaviour`."""
        from compose2fargate.apply.sandbox.task_behaviour import TaskBehaviour

        with self._guard:
            self._behaviours[name] = TaskBehaviour(**members)

    def forget_behaviours(self) -> None:
        """Let all tasks run from here on."""
        with self._guard:
            self._behaviours.clear()

    def throttle(
        self, operation: str = "", burst: int = 20, refill: float = 1.0, service: str = "ecs"
    ) -> None:
        """Throttle what comes faster than a rate allows; without an operation, as ECS does with its own rates."""
        from compose2fargate.apply.aws_client.account import CallRate

        if operation:
            self._limits.add(CallRate(burst, refill), operation, service)
        else:
            self._limits.add_all()

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        self.used = time.monotonic()
        path = environ["PATH_INFO"]
        if path.startswith(PREFIX):
            return self._control(environ, start)
        if path.startswith("/moto-api"):
            with self._one_at_a_time:
                return list(self._moto(environ, start))
        return self._call(environ, start)

    def _call(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        call = _identify_operation(environ)
        faults = self._hits(call)
        if faults:
            time.sleep(sum(fault.latency for fault in faults))
        fault = next((fault for fault in faults if fault.fails), None)
        if fault is None and not self._limits.allow(call.service, call.operation):
            fault = InjectedFault(code="ThrottlingException")
        if fault is None:
            return self._answer(environ, start, call)
        if fault.after:
            self._answer(environ, lambda *_: None, call)
        return self._fail(fault, call, start)

    def _answer(self, environ: Environ, start: StartResponse, call: _Identity) -> list[bytes]:
        seen = [0]

        def begin(status: str, headers: Any, *rest: Any) -> Any:
            seen[0] = int(status[:3])
            return start(status, headers, *rest)

        with self._one_at_a_time:
            from compose2fargate.apply.sandbox.moto_patches import prepare_region

            prepare_region(call.service, call.region)
            body = list(self._moto(environ, begin))
            self.calls.append(RecordedCall(call.service, call.operation, seen[0], faulted=False))
        return body

    def _fail(self, fault: InjectedFault, call: _Identity, start: StartResponse) -> list[bytes]:
        status = 0 if fault.reset or fault.kill else fault.status
        with self._one_at_a_time:
            self.calls.append(RecordedCall(call.service, call.operation, status, faulted=True))
        if fault.kill:
            os.kill(fault.kill, signal.SIGKILL)
        if fault.reset or fault.kill:
            raise ConnectionLost
        return _error(fault, call.protocol, start)

    def _hits(self, call: _Identity) -> list[InjectedFault]:
        """Find the faults that this call meets, and count it."""
        hits = []
        with self._guard:
            for index, fault in enumerate(self._faults):
                if fault.service not in ("", call.service) or not re.fullmatch(
                    fault.operation, call.operation
                ):
                    continue
                if fault.skip:
                    self._faults[index] = fault._replace(skip=fault.skip - 1)
                elif fault.times:
                    self._faults[index] = fault._replace(times=fault.times - 1)
                    hits.append(fault)
        return hits

    def _control(self, environ: Environ, start: StartResponse) -> list[bytes]:
        what = environ["PATH_INFO"][len(PREFIX) :].strip("/")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length) or b"{}") if length else {}
        answer: Any = {"sandbox": "compose2fargate", "pid": os.getpid()}
        if what == "calls":
            answer = [call._asdict() for call in self.calls]
        elif what == "behaviours":
            answer = {name: one._asdict() for name, one in self._behaviours.items()}
        elif what:
            _CONTROLS[what](self, body)
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]


_CONTROLS: Mapping[str, Callable[[Sandbox, dict[str, Any]], None]] = {
    "faults": lambda sandbox, body: sandbox.fault(**body),
    "limits": lambda sandbox, body: sandbox.throttle(**body),
    "behaviour": lambda sandbox, body: sandbox.behave(**body),
    "forget": lambda sandbox, _: sandbox.forget_behaviours(),
    "inputs": lambda sandbox, _: sandbox.demand_inputs(),
    "clear": lambda sandbox, _: sandbox.clear(),
    "reset": lambda sandbox, _: sandbox.reset(),
    "stop": lambda sandbox, _: sandbox.on_stop(),
}


class _Identity(NamedTuple):
    service: str
    operation: str
    region: str
    protocol: str


_CREDENTIAL = re.compile(r"Credential=[^/]{1,200}/\d{1,20}/([^/]{1,100})/([^/]{1,100})/aws4_request")


def _identify_operation(environ: Environ) -> _Identity:
    """Tell which call a request is: by its signature, and by target, action or path."""
    signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = signed.groups() if signed else (REGION, "")
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return _Identity(service, target.rpartition(".")[2], region, "json")
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        action = re.search(rb"(?:^|&)Action=(\w+)", body)
        if action:
            return _Identity(service, action[1].decode(), region, "ec2" if service == "ec2" else "query")
    path = environ["PATH_INFO"]
    if "/operation/" in path:  # the protocol that CloudWatch speaks with newer clients
        return _Identity(service, path.rpartition("/")[2], region, "json")
    operation = _rest_operation(service, environ["REQUEST_METHOD"], path)
    return _Identity(service, operation, region, "s3" if service == "s3" else "json")


def _protocol_of_refused(environ: Environ) -> str:
    """Tell how the answer to a request is spelled of which nothing but the headers is read."""
    signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = signed[2] if signed else ""
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return "ec2" if service == "ec2" else "query"
    return "s3" if service == "s3" else "json"


def _rest_operation(service: str, method: str, path: str) -> str:
    for verb, pattern, name in _rest_operations(service):
        if verb == method and pattern.fullmatch(path.rstrip("/") or "/"):
            return name
    return f"{method} {path}"


_REST_MODELS = {"elasticfilesystem": "efs", "scheduler": "scheduler"}


@cache
def _rest_operations(service: str) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """The operations of a service that is called by path, the longest paths first."""
    if service not in _REST_MODELS:
        return ()
    from botocore.loaders import Loader

    operations = Loader().load_service_model(_REST_MODELS[service], "service-2")["operations"]
    found = [
        (o["http"]["method"], o["http"]["requestUri"].split("?")[0].rstrip("/"), name)
        for name, o in operations.items()
    ]
    found.sort(key=lambda one: -len(one[1]))
    return tuple((verb, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", uri)), name) for verb, uri, name in found)


_BODIES = {
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors><RequestID>fault</RequestID></Response>",
    "query": "<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error><RequestId>fault</RequestId></ErrorResponse>",
    "s3": "<Error><Code>{code}</Code><Message>{text}</Message></Error>",
}


def _error(fault: InjectedFault, protocol: str, start: StartResponse) -> list[bytes]:
    body = json.dumps({"__type": fault.code, "message": fault.text, "Message": fault.text, **fault.members})
    if protocol in _BODIES:
        body = _BODIES[protocol].format(code=fault.code, text=escape(fault.text))
    headers = [
        ("Content-Type", "text/xml" if protocol in _BODIES else "application/x-amz-json-1.1"),
        ("x-amzn-errortype", fault.code),
        ("x-amzn-requestid", "fault"),
    ]
    content = body.encode()
    # With its length, an answer is whole before the rest of a request arrives that nobody reads.
    start(f"{fault.status} fault", [*headers, ("Content-Length", str(len(content)))])
    return [content]


def attach_session(sandbox: Sandbox, session: Any) -> None:
    """Let the clients of a boto3 session call `sandbox` directly; do it before making clients."""

    def answer(request: Any, **_: Any) -> Any:
        from botocore.exceptions import ConnectionClosedError

        got: list[Any] = []
        try:
            body = sandbox(_environ(request), lambda status, headers, *_: got.extend((status, headers)))
        except ConnectionLost:
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return _response(request.url, got[0], got[1], b"".join(body))

    session.events.register_first("before-send", answer)


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterable[bytes]:
        yield self.read()


def _response(url: str, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> Any:
    from botocore.awsrequest import AWSResponse, HeadersDict

    return AWSResponse(url, int(status[:3]), HeadersDict(headers), _Raw(body))


def _environ(request: Any) -> Environ:
    url = urlsplit(request.url)
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return {
        **environ,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote(url.path) or "/",
        "RAW_URI": url.path or "/",
        "QUERY_STRING": url.query,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": url.hostname or "localhost",
        "SERVER_PORT": str(url.port or 443),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "SCRIPT_NAME": "",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": url.scheme,
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def make_server(sandbox: Sandbox, port: int, token: str) -> Any:
    """Give a server (`serve_forever`, `shutdown`, `server_port`) for `sandbox`; port 0 takes a free one.

    It answers those who know `token`, see `guard`.
    """
    import logging

    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from compose2fargate.apply.sandbox.request_guard import refusal

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # a lost connection is told otherwise

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        # An answer leaves in one piece: sent apart from its headers, its body can be late, or lost with the connection.
        wbufsize = -1

    def application(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        why = refusal(environ, token, server.server_port)
        if why:
            fault = InjectedFault(code="UnrecognizedClientException", text=why, status=403)
            return _error(fault, _protocol_of_refused(environ), start)
        try:
            return sandbox(environ, start)
        except ConnectionLost:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise

    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler)
    # A moment later, so that the call that asks for it is answered.
    sandbox.on_stop = lambda: threading.Timer(0.2, server.shutdown).start()
    return server
