-- Why: what money was worth to a decision, and what its models were expected to cost.
-- Takes: milliseconds; rows that are there get NULL and empty maps and lists. Blocks nothing.
ALTER TABLE decisions_store
    ADD COLUMN IF NOT EXISTS price Nullable(Float64) COMMENT 'quality that a dollar had to bring; NULL: money had no price' AFTER strategy,
    ADD COLUMN IF NOT EXISTS binding LowCardinality(Nullable(String)) COMMENT 'what decided the price: ceiling or target' AFTER price,
    ADD COLUMN IF NOT EXISTS priced_tasks Nullable(UInt64) COMMENT 'tasks that were decided before in this period of the ceiling' AFTER binding,
    ADD COLUMN IF NOT EXISTS headroom_usd Nullable(Decimal(38, 12)) COMMENT 'what might be spent just then; NULL: there is no ceiling' AFTER priced_tasks,
    ADD COLUMN IF NOT EXISTS largest_usd Map(LowCardinality(String), Decimal(18, 12)) COMMENT 'the most that a call was seen to cost, by model' AFTER headroom_usd,
    ADD COLUMN IF NOT EXISTS overrun Map(LowCardinality(String), Decimal(38, 12)) COMMENT 'the most times its expected cost that a call was, by model' AFTER largest_usd,
    ADD COLUMN IF NOT EXISTS expected_usd Map(LowCardinality(String), Nullable(Decimal(18, 12))) COMMENT 'what the task was expected to cost, by model' AFTER overrun,
    ADD COLUMN IF NOT EXISTS unaffordable Array(LowCardinality(String)) COMMENT 'models whose reserve the headroom did not have' AFTER expected_usd,
    ADD COLUMN IF NOT EXISTS reserved_usd Nullable(Decimal(18, 12)) COMMENT 'what the chosen model might take of the headroom' AFTER unaffordable,
    ADD COLUMN IF NOT EXISTS listed_usd Nullable(Decimal(18, 12)) COMMENT 'what the price list expected of the chosen model' AFTER reserved_usd;
