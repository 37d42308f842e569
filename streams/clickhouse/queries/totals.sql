-- One row: how many tasks ended how, in which tiers, and for how much.
-- cost_usd leaves out what has no known price; unpriced says how many results that are.
SELECT
    count() AS tasks,
    countIf(status = 'completed') AS completed,
    countIf(status = 'failed') AS failed,
    sum(cost_usd) AS cost_usd,
    countIf(cost_usd IS NULL) AS unpriced,
    sum(reference_cost_usd) AS reference_cost_usd,
    sumMap(if(tier IS NULL, map(), map(toString(assumeNotNull(tier)), toUInt64(1)))) AS tier_mix,
    if(count() = 0, NULL, countIf(tier <= 2) / count()) AS low_tier_share
FROM results
WHERE completed_at >= {since:DateTime64(6, 'UTC')} AND completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
