-- One row a priced call for one task, in order.
SELECT * FROM costs WHERE task_id = {task_id:String} ORDER BY incurred_at
