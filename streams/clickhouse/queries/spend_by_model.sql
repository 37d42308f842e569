-- One row a tier and model: calls, tokens and money, what is in doubt apart.
SELECT
    c.tier AS tier,
    c.model AS model,
    count() AS calls,
    sum(c.input_tokens) AS input_tokens,
    sum(c.output_tokens) AS output_tokens,
    sumIf(c.cost_usd, c.standing = 'confirmed') AS confirmed_usd,
    sumIf(c.cost_usd, c.standing = 'in_doubt') AS in_doubt_usd,
    countIf(c.cost_usd IS NULL) AS unpriced
FROM costs AS c
WHERE c.incurred_at >= {since:DateTime64(6, 'UTC')} AND c.incurred_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR c.tenant = {tenant:String})
GROUP BY c.tier, c.model
ORDER BY confirmed_usd DESC NULLS LAST, tier, model
