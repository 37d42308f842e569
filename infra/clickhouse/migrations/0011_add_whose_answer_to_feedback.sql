-- Why: a validator judges answers that nobody ever saw; whose they were is not the result's model.
-- Takes: milliseconds; rows that are there keep NULL, which means the task's result. Blocks nothing.
ALTER TABLE feedback_store
    ADD COLUMN IF NOT EXISTS tier Nullable(UInt8) COMMENT 'of the model whose answer was judged; NULL: of the task''s result' AFTER comment,
    ADD COLUMN IF NOT EXISTS model LowCardinality(Nullable(String)) COMMENT 'whose answer was judged; NULL: that of the task''s result' AFTER tier
