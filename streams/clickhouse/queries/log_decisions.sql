-- One row a decision made in a span of time, in order: what an evaluation weighs.
SELECT * FROM decisions
WHERE decided_at >= {since:DateTime64(6, 'UTC')} AND decided_at < {until:DateTime64(6, 'UTC')}
  AND ({tenant:String} = '' OR tenant = {tenant:String})
ORDER BY decided_at
