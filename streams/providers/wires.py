"""The wire formats that there are, by the name that settings use."""

from collections.abc import Mapping

from streams.providers.openai_chat import OpenAIChat
from streams.providers.port import WireFormat

WIRES: Mapping[str, WireFormat] = {"openai_chat": OpenAIChat()}
