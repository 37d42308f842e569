-- One row: one call of the ledger; none for one that the books don't know.
SELECT * FROM calls WHERE call_id = {call_id:String}
