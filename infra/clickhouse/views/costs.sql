-- One row a priced call. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW costs AS
SELECT * EXCEPT (row_version)
FROM costs_store FINAL
