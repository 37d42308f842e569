-- One row: how many tasks ended how, in which tiers, and for how much.
-- cost_usd leaves out what has no known price; unpriced says how many results that are.
SELECT
    count() AS tasks,
    countIf(r.status = 'completed') AS completed,
    countIf(r.status = 'failed') AS failed,
    sum(r.cost_usd) AS cost_usd,
    countIf(r.cost_usd IS NULL) AS unpriced,
    sum(r.reference_cost_usd) AS reference_cost_usd,
    sumMapIf(map(toString(assumeNotNull(r.tier)), toUInt64(1)), r.tier IS NOT NULL) AS tier_mix,
    if(tasks = 0, NULL, countIf(r.tier <= 2) / tasks) AS low_tier_share
FROM results AS r
WHERE r.completed_at >= {since:DateTime64(6, 'UTC')} AND r.completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR r.tenant = {tenant:String})
