"""What the commands for sites print: which part goes where."""
