-- One row a result of one task, in order; more than one after a redrive or another body.
SELECT * FROM results WHERE task_id = {task_id:String} ORDER BY completed_at
