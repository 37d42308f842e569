-- Why: as in 0008, and when the doubt about a call ended.
-- Takes: milliseconds; rows that are there keep NULL. Blocks nothing.
ALTER TABLE costs_store
    ADD COLUMN IF NOT EXISTS answered_by LowCardinality(Nullable(String)) COMMENT 'the model that the provider says answered' AFTER provider,
    ADD COLUMN IF NOT EXISTS cache_write_5m_tokens Nullable(UInt64) COMMENT 'of the input' AFTER cached_input_tokens,
    ADD COLUMN IF NOT EXISTS cache_write_1h_tokens Nullable(UInt64) COMMENT 'of the input' AFTER cache_write_5m_tokens,
    ADD COLUMN IF NOT EXISTS input_audio_tokens Nullable(UInt64) COMMENT 'of the input' AFTER cache_write_1h_tokens,
    ADD COLUMN IF NOT EXISTS reasoning_tokens Nullable(UInt64) COMMENT 'of the output' AFTER input_audio_tokens,
    ADD COLUMN IF NOT EXISTS output_audio_tokens Nullable(UInt64) COMMENT 'of the output' AFTER reasoning_tokens,
    ADD COLUMN IF NOT EXISTS service_tier LowCardinality(Nullable(String)) COMMENT 'batch, flex, priority, where the provider billed so' AFTER output_audio_tokens,
    ADD COLUMN IF NOT EXISTS reported_cost_usd Nullable(Decimal(18, 12)) COMMENT 'what the provider itself says the call cost' AFTER service_tier,
    ADD COLUMN IF NOT EXISTS at_most_usd Nullable(Decimal(18, 12)) COMMENT 'more the call can not have cost; NULL: nobody can say' AFTER cost_usd,
    ADD COLUMN IF NOT EXISTS settled_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the doubt ended; such a row counts over any other of its call' AFTER incurred_at
