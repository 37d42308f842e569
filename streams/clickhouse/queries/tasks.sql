-- One row a task: where it ended, what it cost, how long it took.
SELECT task_id, status, tenant, tier, model, cost_usd, reference_cost_usd, latency_s, waiting_s,
    attempts, error_reason, output, completed_at
FROM results
WHERE completed_at >= {since:DateTime64(6, 'UTC')} AND completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
ORDER BY completed_at, task_id
