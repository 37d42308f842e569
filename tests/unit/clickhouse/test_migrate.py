"""Splitting SQL, and finding it."""

from streams.clickhouse.migrate import NAME, ddl_folder, statements


def test_a_semicolon_in_quotes_or_comments_ends_nothing() -> None:
    text = """
    -- a comment; with one
    SELECT 'it''s; \\'quoted\\';', "a;b", `c;d` /* and; here */ ; /* only a comment; */
    SELECT 4 - 2, 6/3;
    """
    assert statements(text) == [
        "SELECT 'it''s; \\'quoted\\';', \"a;b\", `c;d`",
        "SELECT 4 - 2, 6/3",
    ]


def test_dashes_in_quotes_begin_no_comment() -> None:
    assert statements("SELECT '-- no /* comment */'") == ["SELECT '-- no /* comment */'"]


def test_an_empty_file_has_no_statement() -> None:
    assert statements("-- nothing yet\n;\n") == []


def test_the_checkout_brings_numbered_migrations_and_views_of_one_statement_each() -> None:
    migrations = sorted((ddl_folder() / "migrations").glob("*.sql"))
    views = sorted((ddl_folder() / "views").glob("*.sql"))
    assert len(migrations) >= 7
    assert all(NAME.fullmatch(file.name) for file in migrations)
    assert [file.name[:4] for file in migrations] == [
        f"{n:04d}" for n in range(1, len(migrations) + 1)
    ]
    for file in (*migrations, *views):
        assert len(statements(file.read_text())) == 1, file.name
