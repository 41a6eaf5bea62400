"""The regions of AWS, and what is wrong with a name that is none of theirs.

Source: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

REGIONS: Final = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1", "eu-central-1",
    "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "ap-east-1", "ap-east-2",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2",
    "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "af-south-1", "il-central-1",
    "me-central-1", "me-south-1",
)  # fmt: skip
"""Those of the partition `aws`, which most accounts have."""
_OF_OTHER_PARTITIONS: Final = (
    "cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1",
    "us-isob-west-1", "eu-isoe-west-1", "us-isof-east-1", "us-isof-south-1", "eusc-de-east-1",
)  # fmt: skip
_KNOWN: Final = frozenset((*REGIONS, *_OF_OTHER_PARTITIONS))
_PLACES: Final[Mapping[str, str]] = {
    "virginia": "us-east-1", "ohio": "us-east-2", "california": "us-west-1", "oregon": "us-west-2", "montreal": "ca-central-1",
    "calgary": "ca-west-1", "mexico": "mx-central-1", "saopaulo": "sa-east-1", "frankfurt": "eu-central-1", "zurich": "eu-central-2",
    "stockholm": "eu-north-1", "milan": "eu-south-1", "spain": "eu-south-2", "ireland": "eu-west-1", "london": "eu-west-2",
    "paris": "eu-west-3", "hongkong": "ap-east-1", "taipei": "ap-east-2", "tokyo": "ap-northeast-1", "seoul": "ap-northeast-2",
    "osaka": "ap-northeast-3", "mumbai": "ap-south-1", "hyderabad": "ap-south-2", "singapore": "ap-southeast-1",
    "sydney": "ap-southeast-2", "jakarta": "ap-southeast-3", "melbourne": "ap-southeast-4", "malaysia": "ap-southeast-5",
    "capetown": "af-south-1", "telaviv": "il-central-1", "uae": "me-central-1", "bahrain": "me-south-1",
}  # fmt: skip
"""What people call a region, to its name."""
_LONGEST: Final = 64


def is_region(name: str) -> bool:
    """Tell whether a region of that name is known."""
    return name in _KNOWN


def nearest_region(name: str) -> str:
    """Give the region that was probably meant: by place, by an availability zone, or misspelt; "" where none is like it."""
    from difflib import get_close_matches

    word = re.sub(r"[\s_]+", "-", name[:_LONGEST].strip().lower())
    place = _PLACES.get(re.sub("[^a-z]", "", word))
    zone = word[:-1] if word[:-1] in _KNOWN and word[-1:].isalpha() else ""
    return place or zone or next(iter(get_close_matches(word, (*REGIONS, *_OF_OTHER_PARTITIONS), n=1)), "")
