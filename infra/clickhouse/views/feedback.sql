-- One row a feedback, its last score. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW feedback AS
SELECT * EXCEPT (row_version)
FROM feedback_store FINAL
