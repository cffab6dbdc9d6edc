"""Access control: who calls, what they may test, and how often."""
