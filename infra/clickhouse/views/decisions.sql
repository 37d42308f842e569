-- One row a decision. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW decisions AS
SELECT * EXCEPT (row_version)
FROM decisions_store FINAL
