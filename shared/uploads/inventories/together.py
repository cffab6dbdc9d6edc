"""Which inventories are spread over several files."""

from typing import Final

from shared.uploads.row import UploadError

TOGETHER: Final = ("clouds.yaml + secure.yaml", "credentials + config", "kubeconfig")


def not_together() -> UploadError:
    """Return the error for several files that don't belong together."""
    return UploadError(
        "Send several files together only if they are of one kind: {kinds}.", kinds=TOGETHER
    )
