-- One row a tenant: spent, what the reference model would have cost, and the share saved.
-- Only results that have both prices.
SELECT
    tenant,
    count() AS tasks,
    sum(cost_usd) AS cost_usd,
    sum(reference_cost_usd) AS reference_cost_usd,
    sum(reference_cost_usd) - sum(cost_usd) AS saved_usd,
    if(reference_cost_usd = 0, NULL, toFloat64(saved_usd) / toFloat64(reference_cost_usd)) AS saved_share
FROM results
WHERE completed_at >= {since:DateTime64(6, 'UTC')} AND completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND results.cost_usd IS NOT NULL AND results.reference_cost_usd IS NOT NULL
GROUP BY tenant
ORDER BY saved_usd DESC, tenant
