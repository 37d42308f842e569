-- One row a priced call. FINAL: repeats do not count twice; of several rows of one call the settled
-- one is seen, else the confirmed one, else the one in doubt.
CREATE OR REPLACE VIEW costs AS
SELECT * EXCEPT (row_version)
FROM costs_store FINAL
