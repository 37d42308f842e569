-- One row a tier and model: calls, tokens and money, what is in doubt apart.
SELECT
    tier,
    model,
    count() AS calls,
    sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens,
    sumIf(cost_usd, standing = 'confirmed') AS confirmed_usd,
    sumIf(cost_usd, standing = 'in_doubt') AS in_doubt_usd,
    countIf(cost_usd IS NULL) AS unpriced
FROM costs
WHERE incurred_at >= {since:DateTime64(6, 'UTC')} AND incurred_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY tier, model
ORDER BY confirmed_usd DESC NULLS LAST, tier, model
