-- One row: what one call cost, or that it is in doubt; none for a call that the books don't know.
SELECT * FROM costs WHERE call_id = {call_id:String}
