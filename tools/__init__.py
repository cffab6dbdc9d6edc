"""What makes and checks the pages that follow from the code."""
