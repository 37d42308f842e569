-- Why: scores that were checked; of one feedback the last counts.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: feedback (task, source and name). A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS feedback_store
(
    feedback_id String,
    task_id String,
    score Float64 COMMENT 'in [0, 1]',
    source LowCardinality(String) COMMENT 'user, test, validator, judge or rule',
    name LowCardinality(String),
    comment Nullable(String),
    at DateTime64(6, 'UTC'),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'time of the score'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY feedback_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Checked feedback; read the view feedback'
