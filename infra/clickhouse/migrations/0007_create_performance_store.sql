-- Why: cumulative cells of results by tier, model and time bucket.
-- Takes: milliseconds; creates an empty table, blocks nothing.
-- Identity: the cell. A repeat replaces its row, the greater version stays.
-- No partitions: a repeat must meet its row whatever month either is from.
CREATE TABLE IF NOT EXISTS performance_store
(
    tier UInt8,
    model LowCardinality(String) COMMENT 'empty for tier 0',
    bucket_at DateTime64(6, 'UTC') COMMENT 'where the bucket begins',
    bucket_s Float64 COMMENT 'how long it is',
    cell_partition UInt32 COMMENT 'partition of results that the cell counts',
    completed UInt64,
    failed UInt64,
    cost_usd Decimal(18, 12) COMMENT 'of the priced results',
    unpriced UInt64 COMMENT 'results without a known cost',
    latency_sum_s Float64,
    latency_counts Array(UInt64) COMMENT 'histogram; edges are LATENCY_BOUNDS_S',
    topic LowCardinality(String) COMMENT 'Kafka topic the row came from',
    partition UInt32 COMMENT 'its partition',
    offset UInt64 COMMENT 'its offset there',
    event_id String COMMENT 'CloudEvents id; the same for every repeat',
    row_version UInt64 COMMENT 'results counted: cells only grow'
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (tier, model, bucket_at, bucket_s, cell_partition)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Cells of the windowed performance tables; read the view performance'
