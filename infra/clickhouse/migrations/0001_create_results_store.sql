-- Why: the terminal result of every task, with its trail of attempts.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: task and body. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS results_store
(
    task_id String COMMENT 'the publisher''s id of the task',
    body_digest String COMMENT 'SHA-256 of the task''s body',
    redrive UInt32 COMMENT 'how often an operator sent it again',
    tenant LowCardinality(String),
    status LowCardinality(String) COMMENT 'completed or failed',
    tier Nullable(UInt8) COMMENT 'tier that ended it, 0 to 4',
    model LowCardinality(Nullable(String)) COMMENT 'NULL for tier 0',
    decision_id Nullable(String),
    output Nullable(String) COMMENT 'the answer' CODEC(ZSTD(3)),
    error_reason LowCardinality(Nullable(String)) COMMENT 'closed list of the contract',
    error_detail Nullable(String),
    finish_reason LowCardinality(Nullable(String)),
    tool_calls Nullable(String) COMMENT 'JSON array',
    metadata Nullable(String) COMMENT 'JSON object, echoed from the task',
    attempt_tiers Array(UInt8) COMMENT 'the trail, one element an attempt',
    attempt_models Array(Nullable(String)),
    attempt_call_ids Array(Nullable(String)),
    attempt_outcomes Array(String) COMMENT 'completed, or how the attempt failed',
    attempt_details Array(Nullable(String)),
    attempt_costs_usd Array(Nullable(Decimal(18, 12))),
    attempt_latencies_s Array(Float64),
    input_tokens Nullable(UInt64) COMMENT 'as the provider counted; NULL where it said nothing',
    output_tokens Nullable(UInt64),
    cached_input_tokens Nullable(UInt64),
    cost_usd Nullable(Decimal(18, 12)) COMMENT 'all attempts; NULL where a price is unknown',
    reference_cost_usd Nullable(Decimal(18, 12)) COMMENT 'what the reference model would have cost',
    latency_s Nullable(Float64) COMMENT 'publication to result',
    waiting_s Nullable(Float64) COMMENT 'the part of latency_s that was not a model''s answer',
    accepted_at Nullable(DateTime64(6, 'UTC')),
    completed_at DateTime64(6, 'UTC'),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'redrive, then time of completion'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (task_id, body_digest)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Terminal results of tasks; read the view results'
