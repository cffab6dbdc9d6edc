"""Real faults by real servers, each with the cause that must come out."""
