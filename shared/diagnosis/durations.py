"""Round times, in one place: every interface shows the same number."""


def rounded_ms(took_ms: float) -> float:
    """Return milliseconds as exact as they are measured, to the microsecond."""
    return round(took_ms, 3)
