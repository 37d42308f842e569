"""tierflow: an event-driven router for LLM work over Kafka."""
