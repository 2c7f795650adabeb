"""What a lineage tag stands for, looked up when somebody asks.

Owns the derivation: records carry one tag, and strategy and version come from the deployment's row.
It never stores a second attribution beside the tag ([FUND-40], [FUND-42]).
"""

from collections.abc import Mapping

import msgspec

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.fund.deployment import Deployment
from lockstep_desk.types import LineageTag


class Lineage(msgspec.Struct, frozen=True):
    """Who is behind a record: the deployment and what it runs."""

    deployment_id: str
    deployment_name: str
    strategy_id: str
    version_id: str


def lineage_of(tag: LineageTag | None, deployments: Mapping[str, Deployment]) -> Lineage | None:
    """Return who is behind a tag; None for no tag, which means unattributed.

    A tag of a deployment that is not there raises: attribution is never guessed.
    """
    if tag is None:
        return None
    deployment = deployments.get(tag.deployment_id)
    if deployment is None:
        raise InvalidValueError(
            f"deployment_id: expected one of {len(deployments)} known deployments,"
            f" found {tag.deployment_id!r}"
        )
    return Lineage(
        deployment.deployment_id, deployment.name, deployment.strategy_id, deployment.version_id
    )
