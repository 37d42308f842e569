-- One row a policy version, in order: what was changed, by whom and why.
SELECT version, thresholds, target, strategy, reason, changed_by, at
FROM policy
WHERE at >= {since:DateTime64(6, 'UTC')} AND at < {until:DateTime64(6, 'UTC')}
ORDER BY version
