-- One row a feedback on one task, its last score, in order.
SELECT * FROM feedback WHERE task_id = {task_id:String} ORDER BY at
