-- Why: where each task was sent, and all that decided.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: decision. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS decisions_store
(
    decision_id String,
    task_id String,
    tenant LowCardinality(String),
    tier UInt8,
    model LowCardinality(Nullable(String)) COMMENT 'NULL for tier 0',
    confidence Float64 COMMENT 'in [0, 1]',
    rule LowCardinality(String),
    rule_tier UInt8,
    rule_confidence Float64 COMMENT 'in [0, 1]',
    probabilities Map(String, Float64) COMMENT 'the distribution that was drawn from, by model',
    propensity Float64 COMMENT 'probability with which this model was chosen',
    predicted_quality Map(String, Float64) COMMENT 'by model, in [0, 1]',
    best_quality Nullable(Float64),
    threshold Float64 COMMENT 'quality a tier''s model had to reach',
    bound_by LowCardinality(Nullable(String)) COMMENT 'the constraint that moved the choice',
    strategy LowCardinality(String),
    model_state_version UInt64,
    policy_version UInt64,
    explored Bool,
    skill LowCardinality(Nullable(String)) COMMENT 'what answered in tier 0',
    decided_at DateTime64(6, 'UTC'),
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'time of the decision'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY decision_id
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Routing decisions; read the view decisions'
