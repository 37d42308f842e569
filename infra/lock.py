"""Whether the locks still belong to pyproject.toml: told without a network.

python infra/lock.py check FILE…    exit 1 where a lock was made from other requirements
python infra/lock.py stamp FILE…    write the fingerprint into a lock that was just made
"""

import hashlib
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "# fingerprint of pyproject.toml's requirements: "


def fingerprint(pyproject: Path) -> str:
    """SHA-256 over all that a lock depends on."""
    tables = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = tables["project"]
    parts = (
        tables["build-system"]["requires"],
        project["requires-python"],
        project["dependencies"],
        sorted(project["optional-dependencies"].items()),
        sorted((name, map_of(group)) for name, group in tables["dependency-groups"].items()),
        tables["tool"]["uv"]["exclude-newer"],
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def map_of(group: list[object]) -> list[str]:
    """A dependency group as text, its includes among it."""
    return [str(entry) for entry in group]


def main(verb: str, *names: str) -> int:
    """Check or stamp; returns the exit code."""
    line = f"{MARK}{fingerprint(ROOT / 'pyproject.toml')}"
    stale = []
    for path in map(Path, names):
        lines = path.read_text(encoding="utf-8").splitlines()
        if verb == "stamp":
            kept = [old for old in lines if not old.startswith(MARK)]
            path.write_text("\n".join([line, *kept]) + "\n", encoding="utf-8")
        elif line not in lines[:1]:
            stale.append(path.name)
    if stale:
        sys.stderr.write(f"{', '.join(stale)}: pyproject.toml has changed since: make lock\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
