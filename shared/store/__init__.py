"""What Redis keeps, and the connection to it; no other room imports redis.

jobs/ has a stream for each test, batches/ the state of each item of a bulk test, and limits/ the
counts that keep platforms from being tested, and callers from testing, too often.
"""
