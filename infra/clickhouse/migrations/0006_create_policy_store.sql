-- Why: every change of thresholds and strategy, with its reason.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: policy version. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS policy_store
(
    version UInt64,
    thresholds Map(String, Float64) COMMENT 'by tier, in [0, 1]',
    target Float64 COMMENT 'quality to hold, in [0, 1]',
    strategy LowCardinality(String),
    reason String,
    changed_by LowCardinality(String),
    at DateTime64(6, 'UTC'),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'time of the change'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY version
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Policy changes; read the view policy'
