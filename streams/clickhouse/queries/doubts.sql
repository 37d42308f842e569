-- One row a call in doubt: it may have been billed, and nobody knows how much. The oldest first.
-- The inner question finds candidates, so that FINAL looks at these calls alone.
SELECT * FROM costs
WHERE standing = 'in_doubt'
  AND call_id IN (SELECT call_id FROM costs_store WHERE standing = 'in_doubt')
ORDER BY incurred_at, call_id
