"""What is written in the place of a value that nobody is to read."""

from __future__ import annotations

import json
from typing import Any, Final

HIDDEN: Final = "(hidden)"


def hide_in_text(text: str, value: str) -> str:
    """Hide a value in a text, as it is and as JSON or XML would quote it, each of its lines as well."""
    from html import escape

    lines = [line for line in value.splitlines() if len(line.strip()) > 3]
    forms = {
        form for one in (value, value.strip(), *lines) for form in (one, json.dumps(one)[1:-1], escape(one))
    }
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def without_value(error: Any, value: str) -> Any:
    """Give a refusal again, without a value that AWS may repeat in it."""
    told = error.response["Error"]
    told["Message"] = hide_in_text(str(told.get("Message", "")), value)
    return type(error)(error.response, error.operation_name)
