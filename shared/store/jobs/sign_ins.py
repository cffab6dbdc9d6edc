"""Remember which jobs have signed in here, whatever the store says of them later."""

from threading import Lock

MOST = 50_000
"""Jobs that are remembered at least, once there were so many; at most it is twice that."""


class SignIns:
    """The jobs whose key pair this process may have sent.

    A store that was rolled back, or that somebody else writes to, may offer a job a second time as
    if it were new. Only what fits into 64 bits of a job's id is kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._recent: set[int] = set()
        self._older: set[int] = set()

    def __contains__(self, job_id: str) -> bool:
        """Return whether the job has signed in here."""
        number = hash(job_id)
        return number in self._recent or number in self._older

    def claim(self, job_id: str) -> bool:
        """Remember that the job signs in now; return whether it is the first time."""
        with self._lock:
            is_first = job_id not in self
            if len(self._recent) >= self._most:
                self._recent, self._older = set(), self._recent
            self._recent.add(hash(job_id))
        return is_first
