"""Which prompts the SQL skill answers, to the letter, and which it leaves."""

import pytest

from streams.tier0.sql_format import format_sql

ANSWERED = {
    "Format this SQL: select a,b from t where a=1": "SELECT a, b\nFROM t\nWHERE a = 1",
    "Please format the following SQL query:\nselect * from t;": "SELECT *\nFROM t;",
    "Pretty-print this SQL:\n```sql\nselect 1\n```": "SELECT 1",
    "Beautify this SQL query: SELECT id FROM users u LEFT JOIN orders o ON o.user_id=u.id": (
        "SELECT id\nFROM users u\nLEFT JOIN orders o ON o.user_id = u.id"
    ),
    "Format this query: select count(*) from t group by x having count(*)>1 order by x desc limit 5": (
        "SELECT count(*)\nFROM t\nGROUP BY x\nHAVING count(*) > 1\nORDER BY x DESC\nLIMIT 5"
    ),
    "Format this SQL: insert into t (a,b) values (1,'it''s'),(2,'from')": (
        "INSERT INTO t (a, b)\nVALUES (1, 'it''s'), (2, 'from')"
    ),
    "Format this SQL statement: update t set a=a+1,b=null where id in (select id from u where x is not null)": (
        "UPDATE t\nSET a = a+1, b = NULL\nWHERE id IN (SELECT id FROM u WHERE x IS NOT NULL)"
    ),
    "Reformat the SQL below.\ndelete from t where a <> 'Select'": (
        "DELETE FROM t\nWHERE a <> 'Select'"
    ),
    "Format this SQL: select a from t union all select b from u": (
        "SELECT a\nFROM t\nUNION ALL\nSELECT b\nFROM u"
    ),
    "Format this SQL:\nselect a -- from here\nfrom t /* where */ where b=1": (
        "SELECT a -- from here\nFROM t /* where */\nWHERE b = 1"
    ),
    "Format this SQL: select case when a>1 then 'x' else 'y' end as z from t": (
        "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END AS z\nFROM t"
    ),
    'Format this SQL: select "Order", t.order, left(name, 3) from `Group` t where d is distinct from e': (
        'SELECT "Order", t.order, left(name, 3)\nFROM `Group` t\nWHERE d IS DISTINCT FROM e'
    ),
    "Format this SQL: select a x, b as y from t u where -a<-1 and (b)=-(c);": (
        "SELECT a x, b AS y\nFROM t u\nWHERE -a < -1 AND (b) = -(c);"
    ),
    "Format this SQL with uppercase keywords: select a from t": "SELECT a\nFROM t",
    "Format this SQL: select a from t where b between 1 and 2 and c like 'x%' or d=? offset 3": (
        "SELECT a\nFROM t\nWHERE b BETWEEN 1 AND 2 AND c LIKE 'x%' OR d = ?\nOFFSET 3"
    ),
}  # fmt: skip

LEFT = (
    "Format this SQL: select * from t and explain it",
    "Format this SQL: select * from t. Explain it.",
    "Format this SQL: select * from t as well",
    "Format this SQL: select * from t where a=1 and explain it",
    "Format this SQL and explain it: select * from t",
    "Format this SQL: select * from t using 2 spaces",
    "Format this SQL: select * from t with lower case keywords",
    "Format this SQL: select * from t; drop table t",
    "Format this SQL: select * from t where (a=1",
    "Format this SQL: select * from t where a='open",
    r"Format this SQL: select * from t where a='it\'s'",
    "Format this SQL: select * from t where",
    "Format this SQL: create table t (a int)",
    "Format this SQL: with x as (select 1) select * from x",
    "Format this SQL: select",
    "Format this SQL: select the best rows",
    "Format this SQL: from t select a",
    "Optimize this SQL query: select * from t",
    "Write a SQL query to select all rows from t",
    "Format this SQL: select $$x$$ from t",
    "Format this SQL: select a from t limit 5 please explain",
    "Format this SQL: select a from t?",
    "Format this SQL: select a from t nicely",
    "Format this SQL: select a from t order by a desc nicely",
    "Format this SQL: select a from t where b in (1) nicely",
    "Format this SQL: select a->'b' from t",
    "Format this SQL: select a from t where b<=>c",
    "Format this SQL: select 'a'\n'b' from t",
    "Format this SQL: select a from t where b = 1 nicely",
)


@pytest.mark.parametrize(("prompt", "expected"), ANSWERED.items())
def test_sql_is_laid_out_clause_by_clause(prompt: str, expected: str) -> None:
    assert format_sql(prompt) == expected


@pytest.mark.parametrize("prompt", LEFT)
def test_sql_in_doubt_is_left_to_a_model(prompt: str) -> None:
    assert format_sql(prompt) is None
