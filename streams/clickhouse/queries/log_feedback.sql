-- One row a feedback on what was decided in a span of time, its last score.
SELECT * FROM feedback
WHERE task_id IN (
    SELECT task_id FROM decisions
    WHERE decided_at >= {since:DateTime64(6, 'UTC')} AND decided_at < {until:DateTime64(6, 'UTC')}
      AND ({tenant:String} = '' OR tenant = {tenant:String})
)
ORDER BY at
