-- One row a request, in its latest state. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW calls AS
SELECT * EXCEPT (row_version)
FROM calls_store FINAL
