"""The cloudformation target: one template, held to CloudFormation's limits."""

from __future__ import annotations

from collections.abc import Iterator

from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.emitters.cloudformation.cloudformation_template import (
    MAX_PARAMETERS,
    CloudFormationTemplate,
)
from compose2fargate.emitters.emitter import Artifacts
from compose2fargate.settings import Settings

FILE = "template.yaml"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_BYTES = 1_048_576
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
LIMITS_URL = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"


class CloudFormationEmitter:
    """Writes one CloudFormation template."""

    name = "cloudformation"
    summary = "one CloudFormation template, for aws cloudformation deploy"

    def emit(self, stack: Stack, settings: Settings) -> Artifacts:
        """Render the template.

        Raises:
            EmitError: It would be larger than CloudFormation takes, or a text in it would be read as a reference.
        """
        template = CloudFormationTemplate(stack, settings)
        text = template.text()
        problems = [*template.problems, *_too_large(text, template)]
        if problems:
            raise EmitError(problems)
        return {FILE: text}


def _too_large(text: str, template: CloudFormationTemplate) -> Iterator[Diagnostic]:
    found = (
        ("C2F341", len(text.encode("utf-8")), MAX_BYTES, "bytes"),
        ("C2F342", len(template.resources), MAX_RESOURCES, "resources"),
        ("C2F342", len(template.outputs), MAX_OUTPUTS, "outputs"),
        ("C2F342", len(template.parameters), MAX_PARAMETERS, "parameters"),
    )
    for code, count, limit, what in found:
        if count > limit:
            yield Diagnostic(
                code,
                Severity.ERROR,
                f"the template has {count:,} {what}; CloudFormation takes {limit:,}",
                hint="split the project (--without SERVICE), or use -t terraform, which has no such limit",
                url=LIMITS_URL,
            )
