"""`tierflow rig`: a cluster on this machine, for trying out and for tests."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.answers import Exit, Subparsers, command, read_settings
from streams.cli.running import until_signal

if TYPE_CHECKING:
    from streams.settings import KafkaSettings


def add(subparsers: Subparsers) -> None:
    """Add `rig`."""
    parser = command(
        subparsers,
        "rig",
        "Run broker, ClickHouse and simulator here until stopped; write how to reach them.",
        "tierflow rig --dir scratch",
    )
    parser.add_argument("--dir", type=Path, required=True, help="where settings and data are kept")
    add_rig_options(parser)
    parser.set_defaults(run=run)


def add_rig_options(parser: argparse.ArgumentParser) -> None:
    """What `rig` and `demo` both take."""
    parser.add_argument(
        "--tasks", type=Path, metavar="FILE", help="recorded outcomes (shipped ones)"
    )
    parser.add_argument(
        "--models", type=Path, metavar="FILE", help="registry: tier and price a model"
    )
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help="use this cluster, not the embedded broker"
    )
    parser.add_argument(
        "--speed", type=float, default=10.0, help="divide simulated latencies by this (10)"
    )


def kafka_of(args: argparse.Namespace) -> "KafkaSettings | None":
    """The cluster of `--kafka`, as the settings say to come to it; None without the option."""
    if args.kafka is None:
        return None
    return read_settings(args, {"kafka.bootstrap": args.kafka}).kafka


def run(args: argparse.Namespace) -> int:
    """Start, say where, wait, end."""
    from streams.clock import SystemClock
    from streams.rig.cluster import SAMPLE, Wanted, cluster

    kafka = kafka_of(args)
    wanted = Wanted(args.tasks or SAMPLE, args.models, kafka, args.speed, faults=0.0)

    async def serve(stop: asyncio.Event) -> int:
        async with cluster(args.dir, wanted, SystemClock()):
            print(f"ready {args.dir / 'rig.env'}", flush=True)
            await stop.wait()
        return Exit.DONE

    args.dir.mkdir(parents=True, exist_ok=True)
    return until_signal(serve)
