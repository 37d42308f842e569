-- Why: which models were out of reach, cold or new when a task was decided, and whom a cascade asks first.
-- Takes: milliseconds; rows that are there get empty lists, 0 and NULL. Blocks nothing.
ALTER TABLE decisions_store
    ADD COLUMN IF NOT EXISTS unavailable Array(LowCardinality(String)) COMMENT 'models that breakers or holds kept out just then' AFTER explored,
    ADD COLUMN IF NOT EXISTS warming Map(String, Float64) COMMENT 'seconds that a cold start would have added, by model' AFTER unavailable,
    ADD COLUMN IF NOT EXISTS cold Bool COMMENT 'the model is new and not yet admitted' AFTER warming,
    ADD COLUMN IF NOT EXISTS asked_first LowCardinality(Nullable(String)) COMMENT 'a cheaper model, whose answer is kept if it can be trusted' AFTER skill,
    ADD COLUMN IF NOT EXISTS asked_first_tier Nullable(UInt8) COMMENT 'its tier' AFTER asked_first
