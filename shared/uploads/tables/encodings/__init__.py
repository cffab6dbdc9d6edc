"""Read the bytes of a text in whichever encoding a spreadsheet has written them."""
