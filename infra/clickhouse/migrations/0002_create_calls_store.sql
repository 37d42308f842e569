-- Why: the public ledger: one row a request to a model.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: call. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS calls_store
(
    call_id String,
    task_id String,
    decision_id String,
    tenant LowCardinality(String),
    tier UInt8,
    model LowCardinality(String),
    provider LowCardinality(String),
    state LowCardinality(String) COMMENT 'intended, in_doubt, completed or failed',
    failure LowCardinality(Nullable(String)) COMMENT 'how it failed',
    input_tokens Nullable(UInt64) COMMENT 'as the provider counted; NULL where it said nothing',
    output_tokens Nullable(UInt64),
    cached_input_tokens Nullable(UInt64),
    cost_usd Nullable(Decimal(18, 12)) COMMENT 'NULL while open or where the price is unknown',
    latency_s Nullable(Float64),
    intended_at DateTime64(6, 'UTC'),
    deadline_at DateTime64(6, 'UTC') COMMENT 'an open intent is in doubt after this',
    ended_at Nullable(DateTime64(6, 'UTC')),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'rank of the state, then time'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY call_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Ledger of requests to models; read the view calls'
