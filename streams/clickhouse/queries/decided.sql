-- One row a task: the tier and model that its last decision chose, before any fallback.
SELECT task_id, argMax(tier, decided_at) AS tier, argMax(model, decided_at) AS model
FROM decisions
WHERE decided_at >= {since:DateTime64(6, 'UTC')} AND decided_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
GROUP BY task_id
ORDER BY task_id
