"""Read uploaded tables: their encoding, their header, and what their cells mean."""
