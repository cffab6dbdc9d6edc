from shared.queued_job import BULK, QueuedJob


def test_a_job_without_a_share_is_sent_as_the_version_before_knew_it() -> None:
    """While workers are being upgraded, an old one may be given what a new one calls."""
    assert QueuedJob("4f2a", "h:1", BULK).message == ("4f2a", "h:1", "bulk")
    assert QueuedJob("4f2a", "h:1", BULK, "acme").message == ("4f2a", "h:1", "bulk", "acme")
