-- One row a decision on one task, in order.
SELECT * FROM decisions WHERE task_id = {task_id:String} ORDER BY decided_at
