"""What an operator does with a new site: each part with the place that it belongs to."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import parse_qs, urlsplit

from cli.sites.redis_user import RedisUser, set_user

SIGNING_KEY_MISSING = "REPLACE_WITH_THE_PUBLIC_SIGNING_KEY"
REDIS_MISSING = "rediss://REPLACE_WITH_THE_HOST_OF_REDIS:6379/0"

_COMPOSE = """\
services:
  worker: &worker
    image: conncheck
    command: [worker, --queue, interactive]
    env_file: {env_file}{volumes}
    user: "10001:10001"
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    stop_grace_period: 130s
  bulk-worker:
    <<: *worker
    command: [worker, --queue, bulk]"""

_KUBERNETES = """\
kubectl create secret generic conncheck-{site} --from-env-file={env_file}
for queue in interactive bulk; do
  kubectl create deployment conncheck-$queue --image=conncheck -- conncheck worker --queue $queue
  kubectl set env deployment/conncheck-$queue --from=secret/conncheck-{site}
done"""

_BY_HAND = """\
set -a; . ./{env_file}; set +a
conncheck worker --queue interactive &
conncheck worker --queue bulk"""


@dataclass(frozen=True, slots=True)
class Handover:
    """A site that was declared a moment ago, and the secrets of its workers."""

    user: RedisUser
    file: Path
    private_key: str
    """Empty if it was made at the site, and never leaves it."""
    signing_public_keys: str
    redis_url: str
    """Without credentials."""

    def __str__(self) -> str:
        site = self.user.site
        names = {"site": site, "env_file": f"site-{site}.env", "volumes": self._volumes()}
        return "\n\n".join(
            [
                f"# Site {site} is declared in {self.file}, which has no secret in it.\n"
                f"# An API with CONNCHECK_SITES_FILE={self.file} knows the site now.\n"
                "# The secrets below are shown only this once.",
                f"# 1. IN REDIS, create the site's user, e.g. with redis-cli:\n"
                f"{set_user(site, 'resetpass', self.user.hashed_password)}\n"
                "#    Redis forgets it when it ends, unless it has an `aclfile`; then: ACL SAVE",
                f"# 2. AT {site}, save these lines as {names['env_file']}, readable only by you:\n"
                + "\n".join([*self._environment(), *self._to_replace()]),
                f"# 3. AT {site}, start a worker for each queue, on the machine itself:\n"
                + _BY_HAND.format(**names),
                "#    or with Docker Compose, this being compose.yaml in the same directory:\n"
                + _COMPOSE.format(**names),
                f"#    or with Kubernetes:\n{_KUBERNETES.format(**names)}",
                "# 4. AT THE API, let callers use the site: a token names its sites, as in\n"
                f"conncheck token new NAME --site default --site {site}\n"
                "#    and CONNCHECK_SITE_RULES sends networks and domains there, e.g.\n"
                f"CONNCHECK_SITE_RULES={site}=10.20.0.0/16,{site}.example.com",
            ]
        )

    def _volumes(self) -> str:
        """Return the line that lets a container read the certificates that the URL names."""
        file = parse_qs(urlsplit(self.redis_url).query).get("ssl_ca_certs", [""])[0]
        return f'\n    volumes: ["./{PurePath(file).name}:{file}:ro"]' if file else ""

    def _environment(self) -> list[str]:
        private_key = self.private_key or "REPLACE_WITH_THE_PRIVATE_KEY_OF_THE_PAIR"
        return [
            f"CONNCHECK_SITE={self.user.site}",
            f"CONNCHECK_REDIS_URL={self.user.url(self.redis_url or REDIS_MISSING)}",
            f"CONNCHECK_SEALING_PRIVATE_KEYS={private_key}",
            f"CONNCHECK_SIGNING_PUBLIC_KEYS={self.signing_public_keys or SIGNING_KEY_MISSING}",
        ]

    def _to_replace(self) -> list[str]:
        lines = []
        if not self.redis_url:
            lines.append("#    Replace the host; with --redis-url it would have been filled in.")
        if not self.private_key:
            lines.append("#    Replace the private key; only the site has it.")
        if not self.signing_public_keys:
            lines.append(
                "#    Replace the signing key by the public one that belongs to the API's\n"
                "#    CONNCHECK_SIGNING_PRIVATE_KEYS; with that in the environment, it would have "
                "been filled in."
            )
        return lines
