"""What the API says of a job: the report that follows from its entries, in words of its own."""
