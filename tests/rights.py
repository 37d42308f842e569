"""Access control lists of infra/docs/connecting.md, as rows and on a broker."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.protocol.admin import CreateAclsRequest

from tests import wire

PAGE = Path(__file__).resolve().parents[1] / "infra" / "docs" / "connecting.md"
TABLE = re.compile(r"<!-- rights -->\n(.*?)<!-- /rights -->", re.DOTALL)

RESOURCES = {"topic": 2, "group": 3}
PATTERNS = {"literal": 3, "prefixed": 4}
OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8,
    "DescribeConfigs": 10, "AlterConfigs": 11,
}  # fmt: skip
ALLOW = 3
ANY_HOST = "*"


@dataclass(frozen=True, slots=True)
class Right:
    """One row of the page."""

    principal: str
    resource: str
    pattern: str
    name: str
    operations: tuple[str, ...]

    def under(self, prefix: str) -> str:
        """Its name for another prefix than `tierflow.`."""
        return prefix.rstrip(".") + self.name.removeprefix("tierflow")


def written() -> Iterator[Right]:
    """What the page grants."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE.name} has no table of rights"
    for line in found[1].splitlines()[2:]:
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        principal, _, resource, pattern, name, operations = cells
        yield Right(principal, resource, pattern, name, tuple(operations.split(", ")))


async def grant(bootstrap: str, prefix: str) -> None:
    """Grant on a broker what the page says, for this prefix."""
    async with wire.admin(bootstrap) as client:
        for right in written():
            for operation in right.operations:
                answer = await client._send_request(
                    CreateAclsRequest(
                        RESOURCES[right.resource],
                        right.under(prefix),
                        PATTERNS[right.pattern],
                        f"User:{right.principal}",
                        ANY_HOST,
                        OPERATIONS[operation],
                        ALLOW,
                    )
                )
                assert [code for code, _ in answer.creation_responses] == [0], answer
