"""Write the files of a bulk test: results, invalid rows, and the template."""
