-- Why: what a policy holds beside its thresholds: dollars a task, and an absolute mean score.
-- Takes: milliseconds; rows that are there get NULL. Blocks nothing.
ALTER TABLE policy_store
    ADD COLUMN IF NOT EXISTS target_quality Nullable(Float64) COMMENT 'mean score to hold instead of target, in [0, 1]' AFTER target,
    ADD COLUMN IF NOT EXISTS ceiling_usd Nullable(Decimal(18, 12)) COMMENT 'what a task may cost on average' AFTER target_quality,
    ADD COLUMN IF NOT EXISTS allowance_usd Nullable(Decimal(18, 12)) COMMENT 'what it may be expected to cost; NULL: the ceiling' AFTER ceiling_usd
