-- One row a tenant: spent, what the reference model would have cost, and the share saved.
-- Only results that have both prices.
SELECT
    r.tenant AS tenant,
    count() AS tasks,
    sum(r.cost_usd) AS cost_usd,
    sum(r.reference_cost_usd) AS reference_cost_usd,
    sum(r.reference_cost_usd) - sum(r.cost_usd) AS saved_usd,
    if(sum(r.reference_cost_usd) = 0, NULL,
        1 - toFloat64(sum(r.cost_usd)) / toFloat64(sum(r.reference_cost_usd))) AS saved_share
FROM results AS r
WHERE r.completed_at >= {since:DateTime64(6, 'UTC')} AND r.completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR r.tenant = {tenant:String})
  AND r.cost_usd IS NOT NULL AND r.reference_cost_usd IS NOT NULL
GROUP BY r.tenant
ORDER BY saved_usd DESC, tenant
