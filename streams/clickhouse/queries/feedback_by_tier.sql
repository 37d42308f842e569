-- One row a tier and model: how well its answers were judged.
SELECT
    results.tier AS tier,
    results.model AS model,
    count() AS scores,
    avg(feedback.score) AS mean_score
FROM feedback
INNER JOIN results ON results.task_id = feedback.task_id
WHERE results.completed_at >= {since:DateTime64(6, 'UTC')} AND results.completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR results.tenant = {tenant:String})
GROUP BY tier, model
ORDER BY tier, model
