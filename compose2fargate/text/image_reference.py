"""The grammar of image references: `domain[:port]/path[:tag][@digest]`, as registries and builders have it.

Source: https://pkg.go.dev/github.com/distribution/reference. Every reference is held against it, wherever it comes from, so that none
can be anything else in a Dockerfile, on a command line or in a request.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from compose2fargate.text.lazy_patterns import lazy_pattern

_PART: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN: Final = rf"(?:{_PART}(?:\.{_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_PATH: Final = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_NAME: Final = lazy_pattern(rf"(?:{_DOMAIN}/)?{_PATH}")
_REFERENCE: Final = lazy_pattern(rf"(?P<name>(?:{_DOMAIN}/)?{_PATH})(?::{_TAG})?(?:@(?P<digest>{_DIGEST}))?")
_REGISTRY: Final = lazy_pattern(rf"{_DOMAIN}(?:/{_PATH})?")
_WHOLE_TAG: Final = lazy_pattern(_TAG)
_SHA256: Final = lazy_pattern(r"sha256:[0-9a-f]{64}")
MAX_NAME: Final = 255
"""Characters of a reference without its tag and its digest."""
GRAMMAR: Final = "[REGISTRY[:PORT]/]NAME[:TAG][@DIGEST], where the name is in lower case"
URL: Final = "https://pkg.go.dev/github.com/distribution/reference"


@lru_cache(maxsize=4096)
def is_reference(text: str) -> bool:
    """Tell whether `text` is a reference that a builder and a registry take."""
    if len(text) > MAX_NAME + 512:
        return False
    found = _REFERENCE.fullmatch(text)
    if not found or len(found["name"]) > MAX_NAME:
        return False
    digest = found["digest"] or ""
    return not digest.startswith("sha256:") or bool(_SHA256.fullmatch(digest))


def _is_name(text: str) -> bool:
    """Tell whether `text` is the name of a repository, with or without its registry."""
    return len(text) <= MAX_NAME and bool(_NAME.fullmatch(text))


def is_image_tag(text: str) -> bool:
    """Tell whether a registry takes `text` as a tag."""
    return bool(_WHOLE_TAG.fullmatch(text))


def is_digest(text: str) -> bool:
    """Tell whether `text` is a digest of the kind that registries give images."""
    return bool(_SHA256.fullmatch(text))


def is_registry(text: str) -> bool:
    """Tell whether `text` is a registry, with or without the beginning of a path in it."""
    return len(text) <= MAX_NAME and bool(_REGISTRY.fullmatch(text))
