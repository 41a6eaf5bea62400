"""The way to AWS: credentials, region, clients that retry, and errors turned into diagnostics.

Region and credentials come from boto3's own chain. Calls that ECS limits take a token from a bucket first, each
attempt anew, so that a large stack does not run into the limit; what is throttled anyway is retried with jitter by
botocore.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from compose2fargate.apply.passing import Passing, delays, passing
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

CREDENTIALS_URL: Final = (
    "https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html#configuring-credentials"
)
THROTTLING_URL: Final = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html"


class Rate(NamedTuple):
    """A bucket of `burst` calls that is filled with `refill` calls a second."""

    burst: int
    refill: float


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
_CLUSTER_CHANGES, _TASK_DEFINITION_CHANGES, _SERVICE_CHANGES = Rate(20, 1), Rate(20, 1), Rate(50, 5)
_RUNS, _READS = Rate(100, 20), Rate(100, 20)
RATES: Mapping[str, Rate] = {
    "CreateCluster": _CLUSTER_CHANGES,
    "DeleteCluster": _CLUSTER_CHANGES,
    "UpdateCluster": _CLUSTER_CHANGES,
    "RegisterTaskDefinition": _TASK_DEFINITION_CHANGES,
    "DeregisterTaskDefinition": _TASK_DEFINITION_CHANGES,
    "CreateService": _SERVICE_CHANGES,
    "UpdateService": _SERVICE_CHANGES,
    "DeleteService": _SERVICE_CHANGES,
    "DescribeServices": _READS,
    "DescribeTaskDefinition": _READS,
    "RunTask": _RUNS,
}
"""ECS operations and the bucket that they are taken from; operations with the same object share one bucket."""


class StoppedError(Exception):
    """Waiting ended because the user interrupted the run."""


class Bucket:
    """A token bucket: `take` waits until there is a token."""

    def __init__(
        self,
        rate: Rate,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._tokens, self._at = float(rate.burst), clock()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take a token; callers are served in turn."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._rate.burst, self._tokens + (now - self._at) * self._rate.refill)
            self._at = now
            self._tokens -= 1
            wait = -self._tokens / self._rate.refill
        if wait > 0:
            self._sleep(wait)


def _below(rate: Rate) -> Rate:
    """Leave a tenth of the burst: calls are under way for different times, so AWS sees some closer than they were sent."""
    return rate._replace(burst=max(1, rate.burst * 9 // 10))


class Account:
    """One account and region of AWS; hands out clients that many threads may use."""

    def __init__(
        self,
        session: Any,
        *,
        rates: Mapping[str, Rate] = RATES,
        pause: float = 1.0,
        endpoint: str = "",
        attempts: int = 8,
    ) -> None:
        self.session = session
        self._endpoint, self._attempts = endpoint, attempts
        self.pause = pause
        """What all waiting is multiplied with: small in the sandbox, where nothing takes time."""
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._memory: dict[Any, tuple[threading.Lock, list[Any]]] = {}
        self._listeners = threading.local()
        self._stop = threading.Event()
        buckets = {id(rate): Bucket(_below(rate), sleep=self._wait) for rate in rates.values()}
        self._buckets = {operation: buckets[id(rate)] for operation, rate in rates.items()}

    def client(self, service: str) -> Any:
        """Give the client of a service; made once."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def _new_client(self, service: str) -> Any:
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": self._attempts}
        client = self.session.client(
            service,
            endpoint_url=self._endpoint or None,
            config=Config(retries=retries, max_pool_connections=128, connect_timeout=10, read_timeout=60),
        )
        if service == "ecs":
            # Once for each attempt, before it is signed: AWS counts what is tried again, too.
            client.meta.events.register_first("request-created.ecs", self._limit)
        name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"needs-retry.{name}", self._no_more)
        # Every operation goes through this one method, those of paginators too.
        client._make_api_call = self._patient(service, client._make_api_call)  # noqa: SLF001
        return client

    def _patient(self, service: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Call again while AWS gives an answer that passes by itself; see `passing`.

        Such a call has done nothing yet, so it is always safe to repeat.
        """

        def patient(operation: str, arguments: Any) -> Any:
            pauses: dict[Passing, Iterator[float]] = {}
            while True:
                try:
                    return call(operation, arguments)
                except self.client_error as error:
                    one = passing(service, operation, error_code(error), error_text(error))
                    delay = one and next(pauses.setdefault(one, delays(one.seconds)), None)
                    if one is None or delay is None:
                        error.awaited = one  # so that `diagnose` can say what did not come
                        raise
                self.tell(f"for {one.awaits}")
                self.sleep(delay * random.uniform(0.7, 1.3))  # noqa: S311 - so that threads do not call in step

        return patient

    @contextmanager
    def telling(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Let `tell` hear what this thread's calls wait for."""
        self._listeners.tell = tell
        try:
            yield
        finally:
            self._listeners.tell = None

    def tell(self, text: str) -> None:
        """Say what this thread waits for."""
        tell = getattr(self._listeners, "tell", None)
        if tell is not None:
            tell(text)

    def _limit(self, operation_name: str, **_: Any) -> None:
        bucket = self._buckets.get(operation_name)
        if bucket:
            bucket.take()

    def _no_more(
        self, response: Any = None, caught_exception: Exception | None = None, operation: Any = None, **_: Any
    ) -> None:
        """Try nothing again once the user has interrupted: say how the call failed before botocore asks whether to.

        No answer of a handler does: what some versions take for "no" (False), others take for "at once" (no delay).
        """
        if not self._stop.is_set():
            return
        if caught_exception is not None:
            raise caught_exception
        http, parsed = response
        if http.status_code >= 300:
            raise self.client_error(parsed, operation.name)

    def once(self, key: Any, read: Callable[[], Any]) -> Any:
        """Give what `read` gave for `key` before, or call it: for lists that many handlers look into."""
        with self._lock:
            lock, values = self._memory.setdefault(key, (threading.Lock(), []))
        with lock:
            if not values:
                values.append(read())
            return values[0]

    def forget(self) -> None:
        """Read everything anew from here on."""
        with self._lock:
            self._memory.clear()

    def begin(self) -> threading.Event:
        """Give the event that ends, when it is set, whatever waits in a run that begins now; one run at a time."""
        self._stop = threading.Event()
        return self._stop

    def sleep(self, seconds: float) -> None:
        """Wait for AWS.

        Raises:
            StoppedError: The user interrupted, before or meanwhile.
        """
        self._wait(seconds * self.pause)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Yield the items under `key` of all pages of a list."""
        client = self.client(service)
        if not client.can_paginate(operation):
            yield from getattr(client, operation)(**arguments)[key]
            return
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page[key]

    def eventually(self, call: Callable[[], Any], codes: frozenset[str], *, seconds: float = 300) -> Any:
        """Call until none of the error `codes` comes back: AWS needs time to let go of what was just deleted.

        Raises:
            StoppedError: The user interrupted, before or meanwhile, and the call was not taken yet.
        """
        delay, waited = 0.5, 0.0
        while True:
            try:
                return call()
            except self.client_error as error:
                if error_code(error) not in codes or waited >= seconds:
                    raise
            self.sleep(delay)
            waited += delay
            delay = min(delay * 1.5, 10)

    @property
    def client_error(self) -> Any:
        """The exception with which a service refuses."""
        from botocore.exceptions import ClientError

        return ClientError

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self.session.region_name)


def error_code(error: Any) -> str:
    """Give the code of a refusal, `AccessDeniedException`; "" when there is none."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def error_text(error: Any) -> str:
    """Give the message of a refusal; "" when there is none."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Message", ""))


def open_account(region: str = "", profile: str = "", *, check: bool = True) -> Account:
    """Give the account that boto3's own chain finds.

    Args:
        region: The region; "" for the one that the profile or the environment names.
        profile: A profile of the AWS configuration; "" for the chain's default.
        check: Ask who we are, so that missing or expired credentials are told before anything else.

    Raises:
        AwsError: There are no credentials, no region, or no such profile; or AWS does not take the credentials.
    """
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        session = boto3.Session(region_name=region or None, profile_name=profile or None)
    except ProfileNotFound:
        raise AwsError(_no_profile(profile)) from None
    if not session.region_name:
        raise AwsError(_NO_REGION)
    account = Account(session)
    if check:
        with translated("sts:GetCallerIdentity"):
            account.client("sts").get_caller_identity()
    return account


_NO_REGION = Diagnostic(
    "C2F401",
    Severity.ERROR,
    "no AWS region is known",
    hint="--region eu-central-1, or set AWS_REGION, or region: in the top-level x-fargate",
)


def _no_profile(profile: str) -> Diagnostic:
    return Diagnostic(
        "C2F402",
        Severity.ERROR,
        f"there is no AWS profile {profile or 'of the name in AWS_PROFILE'}",
        hint="aws configure list-profiles shows what there is",
        url=CREDENTIALS_URL,
    )


class translated:  # noqa: N801 - it reads as a word in `with translated(...)`
    """Turn botocore's exceptions into `AwsError` with a diagnostic; `doing` says what was tried."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise the translation of what happened, if it is botocore's."""
        if error is None:
            return
        diagnostic = diagnose(error, self._doing)
        if diagnostic is not None:
            raise AwsError(diagnostic) from None


def diagnose(error: BaseException, doing: str) -> Diagnostic | None:
    """Say what an exception of boto3 means and what to do; None for one that is not boto3's.

    Texts of AWS are passed on; parameters are not, since they may hold what nobody is to read.
    """
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _refusal(error, doing)
    for kind, code, message, hint in _FAILURES:
        if isinstance(error, getattr(exceptions, kind)):
            return Diagnostic(
                code,
                Severity.ERROR,
                f"{doing}: {message}",
                hint=hint,
                url=CREDENTIALS_URL if code == "C2F400" else "",
            )
    return None


_SIGN_IN = "aws configure, aws sso login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --aws-profile NAME chooses a profile"
_FAILURES = (
    ("NoCredentialsError", "C2F400", "there are no AWS credentials", _SIGN_IN),
    ("PartialCredentialsError", "C2F400", "the AWS credentials are incomplete", _SIGN_IN),
    ("CredentialRetrievalError", "C2F400", "the AWS credentials cannot be read", _SIGN_IN),
    ("SSOError", "C2F400", "the single sign-on session is not valid", "aws sso login"),
    ("UnauthorizedSSOTokenError", "C2F400", "the single sign-on session has expired", "aws sso login"),
    ("TokenRetrievalError", "C2F400", "the single sign-on session has expired", "aws sso login"),
    ("NoRegionError", "C2F401", "no AWS region is known", "--region eu-central-1, or set AWS_REGION"),
    ("ProfileNotFound", "C2F402", "there is no such AWS profile", "aws configure list-profiles shows what there is"),
    ("HTTPClientError", "C2F403", "AWS cannot be reached", "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then run it again"),
    ("ConnectionError", "C2F403", "AWS cannot be reached", "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then run it again"),
    ("ParamValidationError", "C2F406", "AWS's own client does not take the parameters", "report this, with the part of the compose file"),
    ("BotoCoreError", "C2F406", "AWS cannot be called", "run it again with --debug to see more"),
)  # fmt: skip
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
     "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure", "RequestExpired"}
)  # fmt: skip
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "AuthorizationErrorException",
    }
)
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown",
     "ThrottledException", "RequestThrottled"}
)  # fmt: skip


_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")
"""EC2 appends some thousand characters that only sts:DecodeAuthorizationMessage can read."""
_NOT_ALLOWED = re.compile(
    r"not authorized to perform:? ([a-z0-9-]+:\w+)(?: on (?:the )?resource:? (\S+?)(?=[\s,;]|\.?$))?"
)


def _refusal(error: Any, doing: str) -> Diagnostic:
    code, text = error_code(error), _ENCODED.sub("", error_text(error))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    said = f"{doing}: AWS refused {error.operation_name} ({code}): {text}".rstrip(": ")
    if code in _EXPIRED:
        return Diagnostic("C2F400", Severity.ERROR, said, hint=_SIGN_IN, url=CREDENTIALS_URL)
    denied = _NOT_ALLOWED.search(text)
    if code in _DENIED or denied:
        return Diagnostic("C2F404", Severity.ERROR, said, hint=_allow(error.operation_name, denied))
    if code in THROTTLED:
        return Diagnostic(
            "C2F405",
            Severity.ERROR,
            said,
            hint=_AGAIN,
            url=THROTTLING_URL,
        )
    awaited: Passing | None = getattr(error, "awaited", None)
    if awaited is not None:
        return _did_not_pass(said, awaited)
    return Diagnostic("C2F407", Severity.ERROR, said, hint=_AGAIN if status >= 500 else "")


_AGAIN = "run it again: it goes on where it stopped"


def _allow(operation: str, denied: re.Match[str] | None) -> str:
    """Name the action that is missing: often another one than the call, as iam:PassRole is."""
    what = operation if denied is None else denied[1] + (f" on {denied[2]}" if denied[2] else "")
    return (
        f"allow {what} to the user or role that deploys; compose2fargate permissions prints the whole policy"
    )


def _did_not_pass(said: str, awaited: Passing) -> Diagnostic:
    message = f"{said} (waited {awaited.seconds:.0f} seconds for {awaited.awaits})"
    return Diagnostic("C2F496", Severity.ERROR, message, hint=awaited.hint or _AGAIN, url=awaited.url)


def region_of(profile: str = "") -> str:
    """Give the region that the AWS configuration names; "" for none."""
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        return str(boto3.Session(profile_name=profile or None).region_name or "")
    except ProfileNotFound:
        raise AwsError(_no_profile(profile)) from None
