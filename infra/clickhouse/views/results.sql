-- One row a task and body; attempts is how many tries it took. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW results AS
SELECT * EXCEPT (row_version), length(attempt_outcomes) AS attempts
FROM results_store FINAL
