-- One row a task and body; attempts is how many tries it took. FINAL: repeats do not count twice.
-- Of a task that was sent again on purpose only its last redrive is shown, whatever the body: what
-- failed as no valid task is known by the digest of other bytes than what was admitted later.
CREATE OR REPLACE VIEW results AS
SELECT * EXCEPT (row_version), length(attempt_outcomes) AS attempts
FROM results_store FINAL
WHERE task_id NOT IN (SELECT task_id FROM results_store WHERE redrive > 0)
   OR (task_id, redrive) IN (
        SELECT task_id, max(redrive) FROM results_store WHERE redrive > 0 GROUP BY task_id
    )
