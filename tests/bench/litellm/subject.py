"""litellm's Router with its complexity router, run on the same prompts as tierflow.

subject.py PROMPTS URL CONCURRENCY WARM_UP MODEL MODEL MODEL MODEL

PROMPTS is a file, one prompt a line. The first WARM_UP tasks don't count. Then it prints one line:
tasks, seconds of processor time (user and system, all threads), seconds on the clock, and how many
tasks each model answered. It runs in an environment of its own and imports nothing of tierflow.

Source:
    The configuration is that of https://docs.litellm.ai/docs/autorouter_sdk, a deployment a tier.
"""

import asyncio
import importlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
OUTPUT_TOKENS = 20
"""What the mock reports, so that an answer was read."""

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # the price list of the wheel: no network
litellm: Any = importlib.import_module("litellm")  # in no environment of ours


def router(url: str, models: Sequence[str]) -> Any:
    """Four deployments behind the mock, and the complexity router that chooses one.

    Callbacks, telemetry, caches and retries are off; connections are pooled, as litellm does it.
    """
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    deployments = [
        {
            "model_name": tier.lower(),
            "litellm_params": {"model": f"openai/{model}", "api_base": url, "api_key": "none"},
        }
        for tier, model in zip(TIERS, models, strict=True)
    ]
    auto = {
        "model_name": "auto",
        "litellm_params": {
            "model": "auto_router/complexity_router",
            "complexity_router_config": {
                "classifier_type": "heuristic",
                "tiers": {tier: tier.lower() for tier in TIERS},
            },
            "complexity_router_default_model": "complex",
        },
    }
    return litellm.Router(model_list=[*deployments, auto], num_retries=0)


async def work(made: Any, prompts: Sequence[str], concurrency: int) -> Counter[str]:
    """Run a task a prompt, so many at once: how many each model answered."""
    answered, left = Counter[str](), iter(prompts)

    async def one_after_another() -> None:
        for prompt in left:
            messages = [{"role": "user", "content": prompt}]
            reply = await made.acompletion(model="auto", messages=messages)
            assert reply.choices[0].message.content
            assert reply.usage.completion_tokens == OUTPUT_TOKENS
            answered[reply.model] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(one_after_another())
    return answered


def used_s() -> float:
    """Processor time of this process so far."""
    spent = os.times()
    return spent.user + spent.system


async def main(
    prompts: Sequence[str], url: str, concurrency: str, warm_up: str, *models: str
) -> None:
    """Warm up, work, tell."""
    made = router(url, models)
    await work(made, prompts[: int(warm_up)], int(concurrency))
    clock, counted = asyncio.get_running_loop().time, prompts[int(warm_up) :]
    begun_s, before_s = clock(), used_s()
    answered = await work(made, counted, int(concurrency))
    took = f"{len(counted)} {used_s() - before_s:.3f} {clock() - begun_s:.3f}"
    shares = " ".join(f"{model}={count}" for model, count in sorted(answered.items()))
    sys.stdout.write(f"{took} {shares}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text("utf-8").splitlines(), *sys.argv[2:]))
