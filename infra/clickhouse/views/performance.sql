-- One row a cell; sum over cell_partition for the whole. FINAL: repeats do not count twice.
CREATE OR REPLACE VIEW performance AS
SELECT * EXCEPT (row_version) REPLACE (nullIf(model, '') AS model)
FROM performance_store FINAL
