"""Read the tables of workbooks, which are zip archives of XML."""
