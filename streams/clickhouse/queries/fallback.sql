-- One row: tasks that needed more than their first attempt, and how many of them were completed.
SELECT count() AS tasks, countIf(status = 'completed') AS completed
FROM results
WHERE completed_at >= {since:DateTime64(6, 'UTC')} AND completed_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
  AND (attempts > 1 OR arrayExists(outcome -> outcome != 'completed', attempt_outcomes))
