-- One row a result of what was decided in a span of time: how it ended and what it cost.
SELECT * FROM results
WHERE decision_id IN (
    SELECT decision_id FROM decisions
    WHERE decided_at >= {since:DateTime64(6, 'UTC')} AND decided_at < {until:DateTime64(6, 'UTC')}
      AND ({tenant:String} = '' OR tenant = {tenant:String})
)
ORDER BY completed_at
