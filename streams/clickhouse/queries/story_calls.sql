-- One row a call for one task, in order.
SELECT * FROM calls WHERE task_id = {task_id:String} ORDER BY intended_at
