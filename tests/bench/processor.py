"""Processor time: what a noisy machine disturbs least."""

import os
from pathlib import Path

from streams.rig.process import Child


def cpu_s(child: Child) -> float:
    """Processor time of a process so far, in seconds, its threads included."""
    stat = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def load() -> str:
    """How many processes wanted a core in the last minute, and how many cores there are."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
