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
from typing import Any, Final

from compose2fargate.apply.aws_client.transient_errors import (
    TransientError,
    find_transient_error,
    retry_delays,
)
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.programs import look_nowhere_in_the_project
from compose2fargate.records import NamedTuple

CREDENTIALS_URL: Final = (
    "https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html#configuring-credentials"
)
THROTTLING_URL: Final = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html"


class CallRate(NamedTuple):
    """A bucket of `burst` calls that is filled with `refill` calls a second."""

    burst: int
    refill: float


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
_CLUSTER_CHANGES, _TASK_DEFINITION_CHANGES, _SERVICE_CHANGES = (
    CallRate(20, 1),
    CallRate(20, 1),
    CallRate(50, 5),
)
_RUNS, _READS = CallRate(100, 20), CallRate(100, 20)
RATES: Mapping[str, CallRate] = {
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


class TokenBucket:
    """A token bucket: `take` waits until there is a token."""

    def __init__(
        self,
        rate: CallRate,
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


def _below(rate: CallRate) -> CallRate:
    """Leave a tenth of the burst: calls are under way for different times, so AWS sees some closer than they were sent."""
    return rate._replace(burst=max(1, rate.burst * 9 // 10))


class AwsAccount:
    """One account and region of AWS; hands out clients that many threads may use."""

    def __init__(
        self,
        session: Any,
        *,
        rates: Mapping[str, CallRate] = RATES,
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
        buckets = {id(rate): TokenBucket(_below(rate), sleep=self._wait) for rate in rates.values()}
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
        config = Config(
            retries=retries,
            max_pool_connections=128,
            connect_timeout=10,
            read_timeout=60,
            # What has an address of its own is on this machine, where no proxy has a part.
            proxies={} if self._endpoint else None,
        )
        with _usable_configuration():
            client = self.session.client(service, endpoint_url=self._endpoint or None, config=config)
        if service == "ecs":
            # Once for each attempt, before it is signed: AWS counts what is tried again, too.
            client.meta.events.register_first("request-created.ecs", self._limit)
        name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"needs-retry.{name}", self._no_more)
        # Every operation goes through this one method, those of paginators too.
        client._make_api_call = self._patient(service, client._make_api_call)  # noqa: SLF001
        return client

    def _patient(self, service: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Call again while AWS gives an answer that passes by itself; see `transient_errors`.

        Such a call has done nothing yet, so it is always safe to repeat.
        """

        def patient(operation: str, arguments: Any) -> Any:
            pauses: dict[TransientError, Iterator[float]] = {}
            while True:
                try:
                    return call(operation, arguments)
                except self.client_error as error:
                    one = find_transient_error(service, operation, error_code(error), error_text(error))
                    delay = one and next(pauses.setdefault(one, retry_delays(one.seconds)), None)
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


def open_account(region: str = "", profile: str = "", *, check: bool = True) -> AwsAccount:
    """Give the account that boto3's own chain finds.

    Args:
        region: The region; "" for the one that the profile or the environment names.
        profile: A profile of the AWS configuration; "" for the chain's default.
        check: Ask who we are, so that missing or expired credentials are told before anything else.

    Raises:
        AwsError: There are no credentials, no region, or no such profile; or AWS does not take the credentials.
    """
    session = _session(region, profile)
    if not session.region_name:
        raise AwsError(_NO_REGION)
    account = AwsAccount(session)
    if check:
        with translated_errors("reading the AWS credentials"), _usable_configuration():
            credentials = session.get_credentials()
            if credentials is not None:
                credentials.get_frozen_credentials()
        with translated_errors("sts:GetCallerIdentity"):
            account.client("sts").get_caller_identity()
    return account


def _session(region: str, profile: str) -> Any:
    import boto3
    from botocore.exceptions import ProfileNotFound

    look_nowhere_in_the_project()
    with translated_errors("reading the AWS configuration"):
        try:
            return boto3.Session(region_name=region or None, profile_name=profile or None)
        except ProfileNotFound:
            raise AwsError(_no_profile(profile)) from None


@contextmanager
def _usable_configuration() -> Iterator[None]:
    """Turn what botocore lets through where the user's configuration is wrong into an error of ours.

    Whatever that names is opened, run and parsed without a check: a program, a file with a token, an address.
    """
    try:
        yield
    except AwsError:
        raise
    except Exception as error:
        if diagnose_error(error, "") is not None:
            raise
        known = isinstance(error, (OSError, ValueError))
        why = str(error) if known else "what a program of it prints is in no form that AWS has"
        says = f"the AWS configuration cannot be used: {why}"
        raise AwsError(
            Diagnostic("C2F400", Severity.ERROR, says, hint=_SIGN_IN, url=CREDENTIALS_URL)
        ) from error


_NO_REGION = Diagnostic(
    "C2F401",
    Severity.ERROR,
    "no AWS region is known",
    hint="use --region eu-central-1, or set AWS_REGION, or region: in the top-level x-fargate",
)


def _no_profile(profile: str) -> Diagnostic:
    return Diagnostic(
        "C2F402",
        Severity.ERROR,
        f"there is no AWS profile {profile or 'of the name in AWS_PROFILE'}",
        hint="list the profiles: aws configure list-profiles",
        url=CREDENTIALS_URL,
    )


class translated_errors:  # noqa: N801 - it reads as a word in `with translated(...)`
    """Turn botocore's exceptions into `AwsError` with a diagnostic; `doing` says what was tried."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise the translation of what happened, if it is botocore's."""
        if error is None:
            return
        diagnostic = diagnose_error(error, self._doing)
        if diagnostic is not None:
            raise AwsError(diagnostic) from None


def diagnose_error(error: BaseException, doing: str) -> Diagnostic | None:
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


_SIGN_IN = "run aws configure or aws sso login, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; choose a profile: --aws-profile NAME"
_FAILURES = (
    ("NoCredentialsError", "C2F400", "there are no AWS credentials", _SIGN_IN),
    ("PartialCredentialsError", "C2F400", "the AWS credentials are incomplete", _SIGN_IN),
    ("CredentialRetrievalError", "C2F400", "the AWS credentials cannot be read", _SIGN_IN),
    ("SSOError", "C2F400", "the single sign-on session is not valid", "log in again: aws sso login"),
    ("UnauthorizedSSOTokenError", "C2F400", "the single sign-on session has expired", "log in again: aws sso login"),
    ("TokenRetrievalError", "C2F400", "the single sign-on session has expired", "log in again: aws sso login"),
    ("NoRegionError", "C2F401", "no AWS region is known", "use --region eu-central-1, or set AWS_REGION"),
    ("ProfileNotFound", "C2F402", "there is no such AWS profile", "list the profiles: aws configure list-profiles"),
    ("HTTPClientError", "C2F403", "AWS cannot be reached", "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, and run it again"),
    ("ConnectionError", "C2F403", "AWS cannot be reached", "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL, and run it again"),
    ("ParamValidationError", "C2F406", "botocore rejects the parameters", "report this with that part of the compose file"),
    ("BotoCoreError", "C2F406", "AWS cannot be called", "run the command again with --debug for details"),
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


_ENCODED = re.compile(r"(?<!\s)\s*Encoded authorization failure message: \S+")
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
    awaited: TransientError | None = getattr(error, "awaited", None)
    if awaited is not None:
        return _did_not_pass(said, awaited)
    return Diagnostic("C2F407", Severity.ERROR, said, hint=_AGAIN if status >= 500 else "")


_AGAIN = "run the command again: it continues where it stopped"


def _allow(operation: str, denied: re.Match[str] | None) -> str:
    """Name the action that is missing: often another one than the call, as iam:PassRole is."""
    what = operation if denied is None else denied[1] + (f" on {denied[2]}" if denied[2] else "")
    return (
        f"grant {what} to the user or role that deploys; compose2fargate permissions prints the whole policy"
    )


def _did_not_pass(said: str, awaited: TransientError) -> Diagnostic:
    message = f"{said} (waited {awaited.seconds:.0f} seconds for {awaited.awaits})"
    return Diagnostic("C2F496", Severity.ERROR, message, hint=awaited.hint or _AGAIN, url=awaited.url)


def region_of(profile: str = "") -> str:
    """Give the region that the AWS configuration names; "" for none."""
    return str(_session("", profile).region_name or "")
