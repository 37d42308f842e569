-- One row a tier and model: how well its answers were judged.
SELECT
    r.tier AS tier,
    r.model AS model,
    count() AS scores,
    avg(f.score) AS mean_score
FROM feedback AS f
INNER JOIN results AS r ON r.task_id = f.task_id
WHERE r.completed_at >= {since:DateTime64(6, 'UTC')} AND r.completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR r.tenant = {tenant:String})
GROUP BY r.tier, r.model
ORDER BY tier, model
