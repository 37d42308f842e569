"""The wire formats that there are, by the name that settings use."""

from collections.abc import Mapping

from streams.providers.anthropic_messages import AnthropicMessages
from streams.providers.ollama_chat import OllamaChat
from streams.providers.openai_chat import OpenAIChat
from streams.providers.openai_responses import OpenAIResponses
from streams.providers.port import WireFormat
from streams.providers.replicate_predictions import ReplicatePredictions

WIRES: Mapping[str, WireFormat] = {
    "openai_chat": OpenAIChat(),
    "openai_responses": OpenAIResponses(),
    "anthropic_messages": AnthropicMessages(),
    "ollama_chat": OllamaChat(),
    "replicate_predictions": ReplicatePredictions(),
}
