"""`tierflow topics plan|apply`: Kafka's topics as the topology wants them."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from streams.cli.answers import Exit, Subparsers, add_json, command, print_json, read_settings

if TYPE_CHECKING:
    from streams.kafka.security import Access
    from streams.kafka.topics import Change, Layout


def add(subparsers: Subparsers) -> None:
    """Add `topics` and what it does."""
    parser = command(
        subparsers, "topics", "Create topics, or show what is pending.", "tierflow topics apply"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="plan|apply", required=True)
    plan = command(
        verbs,
        "plan",
        "Show what apply would change; exit 1 while something is pending.",
        "tierflow topics plan --json",
    )
    apply = command(
        verbs,
        "apply",
        "Create what is missing and set what differs; again is harmless.",
        "tierflow topics apply",
    )
    for verb in (plan, apply):
        add_json(verb)
        verb.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Plan or apply."""
    from streams.kafka.security import access_of
    from streams.kafka.topics import layout_of

    kafka = read_settings(args).kafka
    go = _plan if args.verb == "plan" else _apply
    return asyncio.run(go(args, access_of(kafka), layout_of(kafka)))


async def _plan(args: argparse.Namespace, access: "Access", layout: "Layout") -> int:
    from streams.kafka import cluster

    changes = await cluster.pending(access, layout, args.timeout)
    for change in changes:
        _show(change, args, done=False)
    if not changes and not args.json:
        print("topics are as they should be")
    return Exit.NO if changes else Exit.DONE


async def _apply(args: argparse.Namespace, access: "Access", layout: "Layout") -> int:
    from streams.kafka import cluster
    from streams.kafka.topics import Action

    applied = await cluster.apply(access, layout, args.timeout)
    for change in applied.done:
        _show(change, args, done=True)
    for change in applied.left:
        _show(change, args, done=False)
    if not (applied.done or applied.left or args.json):
        print("topics are as they should be")
    conflicts = any(change.action is Action.CONFLICT for change in applied.left)
    return Exit.NO if conflicts else Exit.DONE


def _show(change: "Change", args: argparse.Namespace, *, done: bool) -> None:
    if args.json:
        fact = {"action": change.action, "subject": change.subject, "detail": change.detail}
        print_json({**fact, "done": done})
        return
    left = " (not done)" if args.verb == "apply" and not done else ""
    print(f"{change.action:9} {change.subject}  {change.detail}{left}")
