-- Why: what was spent: one row a priced call.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: call. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS costs_store
(
    call_id String,
    task_id String,
    decision_id String,
    tenant LowCardinality(String),
    tier UInt8,
    model LowCardinality(String),
    provider LowCardinality(String),
    input_tokens Nullable(UInt64) COMMENT 'as the provider counted; NULL where it said nothing',
    output_tokens Nullable(UInt64),
    cached_input_tokens Nullable(UInt64),
    cost_usd Nullable(Decimal(18, 12)) COMMENT 'NULL: the price is unknown',
    price_version LowCardinality(Nullable(String)),
    standing LowCardinality(String) COMMENT 'confirmed or in_doubt',
    incurred_at DateTime64(6, 'UTC'),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'rank of the standing, then time'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY call_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Priced calls; read the view costs'
