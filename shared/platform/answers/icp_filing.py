"""Recognize that a provider in mainland China blocks a name that has no ICP filing.

The provider answers plain HTTP in place of the server and resets TLS by its SNI; addresses and
other names of the same server are not blocked.
"""

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.platform.answers.fingerprints import Mark, first
from shared.platform.http import HttpResponse

NO_ICP_FILING = Cause(
    code="http.no_icp_filing",
    owner="platform",
    summary=(
        "{provider} blocks {host}: the name has no ICP filing there, which servers in mainland "
        "China need"
    ),
    remedies=(
        "File the name with {provider}, or add {provider} to the filing that it has.",
        "Use an endpoint by the server's address, or by a name with a filing, until then.",
    ),
    field="endpoint",
)

_MARKS = (
    Mark("Alibaba Cloud", page="batit.aliyun.com/alww", statuses=(403,)),
    Mark("Alibaba Cloud", page="beian/beian-block", statuses=(403,)),
    Mark("Alibaba Cloud", title="Non-compliance ICP Filing", statuses=(403,)),
    Mark("Tencent Cloud", "location", "dnspod.qcloud.com/static/webblock"),
    Mark("Tencent Cloud", page="dnspod.qcloud.com/static/webblock"),
)


def blocked_name(response: HttpResponse) -> Failed | None:
    """Return the failure if a provider answers instead of the server that the name points to."""
    provider = first(_MARKS, response)
    return Failed(NO_ICP_FILING, provider=provider, status=response.status) if provider else None
