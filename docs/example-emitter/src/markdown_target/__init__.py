"""A target for compose2fargate: what is about to run, as a Markdown page for people who review it."""

from __future__ import annotations

from collections.abc import Iterator

from compose2fargate.aws.api_values import BuiltImage, Ref
from compose2fargate.aws.resources import EcsService, RunTask, Schedule, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters import Artifacts
from compose2fargate.settings import Settings


class MarkdownEmitter:
    """Writes one page: services with their tasks, jobs and schedules."""

    name = "markdown"
    summary = "a page that says what is about to run, for reviewers"

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render the page. No disk, no network, no clock: what comes out depends on the stack alone."""
        region = settings.region or "the region of whoever deploys"
        lines = [f"# {stack.name}", "", f"In {region}.", "", *_services(stack), *_jobs(stack)]
        return {"stack.md": "\n".join(lines) + "\n"}


def _services(stack: Stack) -> Iterator[str]:
    yield "| service | tasks | vCPU | memory | images |"
    yield "|---|---|---|---|---|"
    for _, service in stack.of_type(EcsService):
        definition = _definition(stack, service.task_definition)
        if definition:
            size = f"{int(definition.cpu) / 1024:g} | {definition.memory} MiB"
            images = ", ".join(f"`{_image(c.image)}`" for c in definition.container_definitions)
            yield f"| {service.service_name} | {service.desired_count} | {size} | {images} |"


def _jobs(stack: Stack) -> Iterator[str]:
    scheduled = {
        schedule.target.ecs_parameters.task_definition_arn: schedule.schedule_expression
        for _, schedule in stack.of_type(Schedule)
    }
    for logical_id, task in stack.of_type(RunTask):
        when = next(
            (text for ref, text in scheduled.items() if _same(ref, task.task_definition)), "when asked to"
        )
        yield ""
        yield f"The job {stack.origins.get(logical_id, logical_id)} runs {when}."


def _definition(stack: Stack, value: str | Ref) -> TaskDefinition | None:
    """Follow a link. A stack holds links in place of names: what they become is each target's business."""
    found = stack.get(value) if isinstance(value, Ref) else None
    return found if isinstance(found, TaskDefinition) else None


def _same(one: str | Ref, other: str | Ref) -> bool:
    """Whether two links lead to one resource, whichever of its attributes they ask for."""
    return isinstance(one, Ref) and isinstance(other, Ref) and one.logical_id == other.logical_id


def _image(image: str | BuiltImage) -> str:
    return image if isinstance(image, str) else f"{image.repository.logical_id}:{image.tag}"
