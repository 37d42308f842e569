-- One row a policy version. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW policy AS
SELECT * EXCEPT (row_version)
FROM policy_store FINAL
