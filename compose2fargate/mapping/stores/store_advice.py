"""What it would cost to let AWS run a store that is a container now: a hint, where the container's files are on EFS."""

from __future__ import annotations

from compose2fargate.aws import prices
from compose2fargate.aws.fargate import Size
from compose2fargate.aws.resources import TaskDefinition
from compose2fargate.aws.task_definition_rules import whole_number
from compose2fargate.compose.model import Service
from compose2fargate.mapping.containers.sizing import price_table
from compose2fargate.mapping.images.image_catalogue import find_image, reference_of
from compose2fargate.mapping.stores.engines import ENGINES, IMAGES
from compose2fargate.mapping.translation_input import TranslationInput


def managed_advice(ctx: TranslationInput, service: Service, definition: TaskDefinition) -> str:
    """Name the option with both prices a month, or nothing where AWS runs no such store here."""
    engine = ENGINES.get(IMAGES.get(find_image(reference_of(service, ctx.images)).name, ""))
    if engine is None:
        return ""
    storage = 0 if engine.is_cache else 20
    month = prices.store_month(engine.size, 1, storage) or 0
    size = Size(whole_number(definition.cpu), whole_number(definition.memory))
    task = prices.task_month(price_table(ctx.settings), size, definition.runtime_platform.cpu_architecture)
    return (
        f": --managed {service.name} makes it {engine.service}, from about {month:.2f} USD a month ({engine.size}), "
        f"where the task costs about {task:.2f}"
    )
