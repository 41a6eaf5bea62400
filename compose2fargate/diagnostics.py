"""What the program has to say about its input: values, never prints.

Every function that finds something to report returns or appends a `Diagnostic`. A function that cannot
go on raises the error of its stage, which carries *all* diagnostics found so far:

    Compose2FargateError            anything this package raises on purpose
    ├── InputError                  exit code 2: the files, the options or the settings are at fault
    │   ├── UsageError              an option or argument
    │   ├── LoadError               reading the compose files (C2F1xx)
    │   ├── MapError                translating to Fargate (C2F2xx)
    │   └── EmitError               rendering or writing the artefacts (C2F3xx)
    └── AwsError                    exit code 3: AWS refused, or could not be reached (C2F4xx)

Code ranges: C2F1xx loading, C2F2xx mapping, C2F3xx emitting, C2F4xx applying, C2F500-C2F519 mapping, continued. A released number is never
reused for something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Where a value stands in the compose model: `("services", "web", "ports", 0)`."""


class Severity(str, Enum):
    """How much a diagnostic matters: an error stops the run, a warning changes behaviour, an info informs."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Location(NamedTuple):
    """A place in a source file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(NamedTuple):
    """One thing to know about the input.

    Attributes:
        code: A key of `CODES`, for example `C2F103`. It never changes its meaning.
        severity: Error, warning or info.
        message: One sentence (no trailing newline) on what is wrong, or on what happens on Fargate.
        path: The key's path in the compose model; empty when the finding is about no key.
        location: Where in which file; None when there is no file to point to.
        hint: What to do, with the exact text to write; empty when there is nothing to do.
        url: A documentation link; empty when there is none.
        trail: How the reader got to `location`: `included from compose.yaml:3:5`, innermost first.
    """

    code: str
    severity: Severity
    message: str
    path: Path = ()
    location: Location | None = None
    hint: str = ""
    url: str = ""
    trail: tuple[str, ...] = ()


class Compose2FargateError(Exception):
    """Anything this package raises on purpose; carries at least one diagnostic."""

    exit_code = 2

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__("; ".join(f"{d.location or ''} {d.message}".strip() for d in self.diagnostics))


class InputError(Compose2FargateError):
    """The files, the options or the settings are at fault: exit code 2."""


class UsageError(InputError):
    """An option or an argument is at fault."""


class LoadError(InputError):
    """The compose files cannot be read as they are."""


class MapError(InputError):
    """The project cannot be translated to Fargate as it is."""


class EmitError(InputError):
    """The artefacts cannot be rendered or written."""


class BuildError(Compose2FargateError):
    """An image could not be built or pushed: exit code 1."""

    exit_code = 1


class AwsError(Compose2FargateError):
    """AWS refused, or could not be reached: exit code 3."""

    exit_code = 3


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Tell whether any of `diagnostics` is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


class Told(NamedTuple):
    """A diagnostic, and the other services for which the same place says the same, as with a YAML anchor.

    Attributes:
        diagnostic: The one of the first service, in whose words all of them are told.
        others: The names of the other services.
    """

    diagnostic: Diagnostic
    others: tuple[str, ...] = ()


def told_once(diagnostics: Iterable[Diagnostic]) -> list[Told]:
    """Tell once what one place of a file means for several services: an anchor, an extended service, an included file.

    Diagnostics are alike where nothing but the service's own name tells them apart.
    """
    listed = list(diagnostics)
    places = Counter(
        (d.code, d.location) for d in listed
    )  # nearly always one: then there is nothing to compare
    texts = Counter(text for d in listed if places[d.code, d.location] > 1 for text in (d.message, d.hint))
    alike: dict[tuple[object, ...], list[Diagnostic]] = {}
    for d in listed:
        several = places[d.code, d.location] > 1
        alike.setdefault(_likeness(d, texts) if several else d, []).append(d)
    return [Told(same[0], _services(same[1:], same[0])) for same in alike.values()]


def _services(others: Iterable[Diagnostic], first: Diagnostic) -> tuple[str, ...]:
    names = dict.fromkeys(str(d.path[1]) for d in others if len(d.path) > 1)
    return tuple(name for name in names if name != str(first.path[1]))


def _likeness(d: Diagnostic, met: Mapping[str, int]) -> tuple[object, ...]:
    """Give what diagnostics have in common that are told once; `met` says how often each text is there as it is."""
    if d.location is None or len(d.path) < 2 or d.path[0] != "services":
        return d
    name = str(d.path[1])
    texts = (text if met[text] > 1 else _without_name(text, name) for text in (d.message, d.hint))
    return (d.code, d.severity, d.location, d.path[2:], d.url, d.trail, *texts)


def _without_name(text: str, name: str) -> str:
    """Take a service's name out of a sentence about it, where it stands as a word."""
    if name not in text:
        return text
    import re  # few runs have such a finding

    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "\0", text)


def sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """Order diagnostics as a reader meets them: by file and line; those without a place come last."""
    at = diagnostic.location
    if at is None:
        return ("\U0010ffff", 0, 0, diagnostic.code, diagnostic.message)
    return (at.file, at.line, at.column, diagnostic.code, diagnostic.message)


CODES: Mapping[str, str] = {
    # C2F100-C2F119: files and YAML (compose/source.py)
    "C2F100": "no compose file found",
    "C2F101": "file cannot be read",
    "C2F102": "file is not text",
    "C2F103": "limit exceeded",
    "C2F104": "not valid YAML",
    "C2F105": "duplicate key",
    "C2F106": "key is not a string",
    "C2F107": "merge key without a mapping",
    "C2F108": "document is not a mapping",
    "C2F109": "value does not fit its tag",
    "C2F110": "several candidate files",
    "C2F111": "invalid project name",
    "C2F112": "empty compose file",
    "C2F114": "wrong value of a COMPOSE_ variable",
    "C2F115": "project named after a symbolic link",
    # C2F120-C2F139: .env files and interpolation (compose/dotenv.py, compose/interpolation.py)
    "C2F120": "variable is not set",
    "C2F121": "wrong variable reference",
    "C2F122": "required variable has no value",
    "C2F123": "variable gives a value of the wrong type",
    "C2F124": "boolean word of YAML 1.1",
    "C2F125": "wrong line in an env file",
    "C2F130": "number that JSON cannot say",
    # C2F140-C2F149: the compose schema (compose/schema.py)
    "C2F140": "A value is of the wrong type",
    "C2F141": "A key is not known",
    "C2F142": "A key is missing",
    "C2F143": "A value is not allowed",
    "C2F144": "A name is not allowed",
    "C2F145": "A list repeats an item",
    # C2F150-C2F179: the compose model (compose/merge.py, compose/syntax.py, compose/loader.py)
    "C2F150": "Values cannot be merged",
    "C2F151": "An entry of a list does not say what it is for",
    "C2F152": "A value is not in its key's syntax",
    "C2F153": "A port is invalid",
    "C2F154": "A value cannot be read",
    "C2F155": "A bind mount has no source",
    "C2F156": "Keys exclude each other",
    "C2F157": "A service cannot be extended",
    "C2F158": "The parts of the project do not fit together",
    "C2F159": "Values contradict each other",
    "C2F160": "external.name is deprecated",
    "C2F161": "Part of a command line is dropped",
    "C2F162": "There is no such service",
    "C2F163": "A file cannot be included",
    "C2F164": "A file with variables or labels cannot be read",
    "C2F165": "`version` is obsolete",
    # C2F180-C2F189: Dockerfiles (compose/dockerfile.py)
    "C2F180": "The Dockerfile has an instruction that Docker refuses",
    "C2F181": "The Dockerfile has an unknown instruction",
    "C2F182": "The Dockerfile has no stage to build",
    "C2F183": "The Dockerfile has no stage of the target's name",
    "C2F184": "A variable in the Dockerfile cannot be substituted",
    "C2F185": "A command in the Dockerfile looks like a JSON array and is none",
    "C2F186": "A value in the Dockerfile depends on its base image",
    "C2F187": "The Dockerfile is too large",
    "C2F188": "The Dockerfile is in a remote context",
    "C2F189": "The Dockerfile cannot be read",
    # C2F190-C2F199: the command line and settings (cli/, settings.py)
    "C2F190": "An option needs a registry",
    "C2F191": "A file cannot be written",
    "C2F192": "There is no such service or key to explain",
    "C2F193": "There is no such service to hash",
    "C2F194": "The current directory is gone",
    "C2F195": "A setting has a wrong value",
    # C2F200-C2F299: mapping
    "C2F200": "A key is ignored without consequence",
    "C2F201": "A key is ignored, and its effect is lost",
    "C2F202": "A key is approximated",
    "C2F204": "Windows credential specifications do not exist on Fargate",
    "C2F205": "Devices do not exist on Fargate",
    "C2F206": "IPC namespaces are not shared on Fargate",
    "C2F207": "Models do not run on Fargate",
    "C2F208": "Privileged containers do not run on Fargate",
    "C2F209": "Providers do not run on Fargate",
    "C2F210": "There is no Docker engine to call on Fargate",
    "C2F211": "The Docker socket does not exist on Fargate",
    "C2F212": "An option names a service that does not exist",
    "C2F213": "A service belongs to profiles that are not active",
    "C2F214": "There is nothing to translate",
    "C2F215": "A published port is opened by a load balancer",
    "C2F216": "A network exists outside the project",
    "C2F217": "An internal network keeps its ports inside",
    "C2F218": "A load balancer is created",
    "C2F219": "A port cannot be opened as asked",
    "C2F220": "A published port is reachable inside the VPC only",
    "C2F221": "A port is used for two protocols",
    "C2F222": "Too many ports",
    "C2F223": "An exposed port is no port",
    "C2F224": "A UDP port has no name",
    "C2F225": "A loopback port stays internal",
    "C2F226": "Two services have one name",
    "C2F227": "A port is known from the image",
    "C2F228": "A service that others need has no known port",
    "C2F229": "A name would belong to two services",
    "C2F230": "A credential stands in plain text",
    "C2F231": "An image is built here and has to be pushed",
    "C2F232": "A cleared command cannot be expressed",
    "C2F233": "A variable has no value",
    "C2F234": "A health check is moved into the range of ECS",
    "C2F235": "A service that is not to be restarted is restarted",
    "C2F236": "A health check without a test",
    "C2F237": "The Dockerfile's health check is used",
    "C2F238": "A stop period is moved into the range of Fargate",
    "C2F239": "The platform does not run on Fargate",
    "C2F240": "The command does not keep running",
    "C2F241": "A capability is there anyway",
    "C2F242": "A capability cannot be added on Fargate",
    "C2F243": "A resource limit has no effect on Fargate",
    "C2F244": "A kernel parameter cannot be set on Fargate",
    "C2F245": "A logging driver is replaced",
    "C2F246": "A resource limit is lowered to what Fargate allows",
    "C2F247": "Tasks run on Fargate Spot",
    "C2F248": "ECS Exec cannot work",
    "C2F249": "What the stack costs",
    "C2F250": "The task's size",
    "C2F251": "The task would be larger than Fargate allows",
    "C2F252": "A key of Docker's ECS integration is honoured",
    "C2F253": "A key of Docker's ECS integration is not honoured",
    "C2F254": "A task asks for more storage than Fargate has",
    "C2F255": "A label cannot be a tag",
    "C2F256": "The number of tasks is scaled",
    "C2F257": "A patch does not fit",
    "C2F258": "A log router is added",
    "C2F259": "A logging option has no meaning on Fargate",
    "C2F260": "A volume needs a file system",
    "C2F261": "An anonymous volume",
    "C2F262": "A volume is task storage",
    "C2F263": "A volume starts empty",
    "C2F264": "A volume is a directory that has to exist",
    "C2F265": "A tmpfs without a size",
    "C2F266": "A path of the host cannot be mounted",
    "C2F267": "A mounted directory is kept on EFS",
    "C2F268": "Log files end with their task",
    "C2F269": "The init container's image is public",
    "C2F270": "A schedule cannot be read",
    "C2F271": "A service is a job",
    "C2F272": "Files are in the image already",
    "C2F273": "A file cannot be taken along",
    "C2F274": "Files are copied into a derived image",
    "C2F275": "Changes to copied files end with their task",
    "C2F276": "A database is updated with a gap",
    "C2F277": "An EBS volume ends with its task",
    "C2F278": "A volume driver does not exist on Fargate",
    "C2F279": "A volume cannot be kept in this way",
    "C2F280": "A service cannot join another's task",
    "C2F281": "A task cannot be without a network",
    "C2F282": "A task cannot see the host's processes",
    "C2F283": "A container is awaited without a health check",
    "C2F284": "The files are too large for a task definition",
    "C2F285": "A secret has to exist as an SSM parameter",
    "C2F286": "A file cannot be written where it belongs",
    "C2F287": "A directory of the image is hidden by a volume",
    "C2F288": "A file looks like a secret",
    "C2F289": "A file will not be there",
    "C2F290": "The region is assumed",
    "C2F291": "Subnets are missing",
    "C2F292": "The account is missing",
    "C2F293": "The log retention is not one of CloudWatch's",
    "C2F294": "Fargate would refuse the result",
    "C2F295": "A service for the Docker host is left out",
    "C2F296": "Security groups are coarser than the networks",
    "C2F297": "A container sets the search domain of a job",
    "C2F298": "Placeholders stand in the files",
    "C2F299": "Security groups of yours have to let a load balancer in",
    # C2F300-C2F399: emitting and writing
    "C2F301": "An unknown target",
    "C2F302": "Two plugins provide one target",
    "C2F303": "A plugin cannot be loaded",
    "C2F310": "The output cannot be written",
    "C2F311": "The output folder is not ours",
    "C2F312": "An output file is not as it was written",
    # C2F400-C2F439, C2F470-C2F499: deploying (apply/)
    "C2F400": "There are no valid AWS credentials",
    "C2F401": "No AWS region is known",
    "C2F402": "There is no such AWS profile",
    "C2F403": "AWS cannot be reached",
    "C2F404": "AWS does not allow a call",
    "C2F405": "AWS limits the rate of calls",
    "C2F406": "AWS cannot be called",
    "C2F407": "AWS refused a call",
    "C2F410": "The stack is for another account",
    "C2F411": "The stack is for another region",
    "C2F412": "There is no default VPC",
    "C2F413": "Subnets are of several VPCs",
    "C2F414": "Something that the stack uses does not exist",
    "C2F415": "The value of a secret is not known",
    "C2F416": "The sandbox needs moto",
    "C2F417": "There is no terminal to ask on",
    "C2F418": "A plan file cannot be used",
    "C2F419": "A saved plan is out of date",
    "C2F420": "A resource of the same name belongs to somebody else",
    "C2F421": "A difference cannot be put right",
    "C2F430": "A deployment failed and was rolled back",
    "C2F431": "A deployment failed",
    "C2F432": "A service is not steady in time",
    "C2F433": "A job failed",
    "C2F434": "A job does not end in time",
    "C2F470": "An image is missing",
    "C2F471": "An image was not checked",
    "C2F472": "A secret is missing",
    "C2F473": "A secret was not checked",
    "C2F474": "A role is missing",
    "C2F475": "A role was not checked",
    "C2F476": "A role cannot be assumed",
    "C2F477": "The subnets do not do",
    "C2F478": "Tasks have no way out",
    "C2F479": "A load balancer names a port that no container has",
    "C2F480": "There is no such service or job",
    "C2F481": "A revision cannot be gone back to",
    "C2F482": "A service is not deployed",
    "C2F483": "No command can be executed in a task",
    "C2F484": "The session manager plugin is missing",
    "C2F485": "A log is not in CloudWatch Logs",
    "C2F486": "A task was not started",
    "C2F488": "A secret cannot be uploaded",
    "C2F489": "A secret has a value already",
    "C2F490": "A policy is too large for one",
    "C2F491": "A value cannot be read",
    "C2F492": "A service is deleted and made anew",
    "C2F493": "Something takes longer than it should",
    "C2F496": "AWS was not ready in time",
    "C2F497": "A namespace holds names of others",
    "C2F498": "A secret of somebody else waits for its deletion",
    "C2F499": "A role is in an instance profile",
    # C2F440-C2F469: images (images/, apply/ecr.py)
    "C2F440": "There is no program that builds images",
    "C2F441": "A key of the build section has no counterpart in the builder",
    "C2F442": "An image could not be built or pushed",
    "C2F443": "The registry cannot be asked",
    "C2F444": "The lock file cannot be used",
    "C2F445": "An image was built from other files",
    "C2F446": "An image was pushed with another tag, or to or for something else",
    "C2F447": "A tag moves from image to image",
    "C2F448": "The build section does not name the task's platform",
    "C2F449": "A large build context without a .dockerignore",
    "C2F450": "A build argument looks like a credential",
    "C2F451": "A service's image is not built here",
    "C2F452": "A tag is not legal",
    "C2F453": "There is nothing to push",
    "C2F454": "A repository lets tags be overwritten",
    "C2F456": "A build secret is missing",
    "C2F457": "A CI file exists already",
    "C2F458": "What an image is built from cannot be read",
    "C2F459": "The sandbox holds no images",
    # C2F500-C2F519: mapping, continued
    "C2F500": "Credentials of a registry are not in Secrets Manager",
    "C2F501": "A policy statement cannot be used",
    "C2F502": "A placement constraint is lost",
    "C2F503": "The prices cannot be read",
    "C2F505": "A service cannot be scaled by requests",
    "C2F506": "Tasks would wait for each other",
    "C2F507": "A container is awaited longer than ECS waits",
    "C2F508": "A route of Traefik becomes a rule of the load balancer",
    "C2F509": "A route of Traefik is not opened",
    "C2F510": "A TCP or UDP route of Traefik is not opened",
    "C2F511": "An option of a Traefik route is lost",
    "C2F512": "A proxy that is left out has routes that are not read",
    "C2F513": "A route of nginx-proxy or Caddy is not opened",
    "C2F514": "A sidecar cannot have a schedule of its own",
    "C2F515": "A port that others use is not known",
    # C2F320-C2F339: checking generated files (sync/, checking.py)
    "C2F320": "The compose file changed since the files were written",
    "C2F321": "A generated file was edited by hand",
    "C2F322": "A generated file is missing",
    "C2F323": "A file of somebody else's is in the way",
    "C2F324": "The files were written by another version",
    "C2F325": "A variable has another value here",
    "C2F326": "Another input changed since the files were written",
    "C2F327": "A generated file differs in its form only",
    "C2F328": "The folder was not written by compose2fargate",
    "C2F329": "The manifest is damaged",
    "C2F330": "The manifest was edited by hand",
    "C2F331": "The manifest was written by a newer version",
    "C2F332": "Generated files differ, and no cause is found",
    "C2F333": "Files that were edited by hand are left alone",
    "C2F334": "The account differs from the generated files",
    "C2F335": "The account does not have what the files describe",
    "C2F336": "A service in the account does not run the latest revision",
    "C2F337": "AWS cannot be asked",
    "C2F338": "A file among the generated ones is not ours",
    # C2F340-C2F359: targets other than json (emitters/terraform.py, emitters/cloudformation.py)
    "C2F340": "Terraform has no argument for something",
    "C2F341": "The template is too large",
    "C2F342": "The template holds too many things",
    "C2F343": "A text would be read as a reference",
    "C2F344": "A text that Terraform would change",
}
"""Every code and its title. The message of a diagnostic says the particulars."""
