-- One row a tier and model: how well its answers were judged.
-- A validator's scores are of the model whose answer it checked, the others' of the task's result.
SELECT
    if(f.model IS NULL, r.tier, f.tier) AS tier,
    if(f.model IS NULL, r.model, f.model) AS model,
    count() AS scores,
    avg(f.score) AS mean_score
FROM feedback AS f
INNER JOIN results AS r ON r.task_id = f.task_id
WHERE r.completed_at >= {since:DateTime64(6, 'UTC')} AND r.completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR r.tenant = {tenant:String})
GROUP BY tier, model
ORDER BY tier, model
