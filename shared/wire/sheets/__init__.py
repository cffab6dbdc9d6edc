"""Write tables for spreadsheets."""
