"""Run a worker's scripts in Redis: by their digest, or as functions that the API has loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

from shared.store.site_keys import SiteKeys

# All of Redis waits while a function runs, whoever calls it and with what. A run writes some
# hundred entries; each is two arguments, and the API reads none that is longer.
MOST_KEYS, MOST_ARGUMENTS, LONGEST_ARGUMENT = 16, 4096, 131_072

# FUNCTION LOAD gives each library a name of letters, digits and underscores; a function can't set
# globals, and gets as parameters what a script has as the globals KEYS and ARGV. Its commands are
# checked against the rights of who calls it (redis.io, "Redis functions" and "ACL").
_LIBRARY = """#!lua name={name}
redis.register_function('{name}', function(KEYS, ARGV)
if #KEYS > {most_keys} or #ARGV > {most_arguments} then
  return redis.error_reply('ERR too many arguments')
end
for _, argument in ipairs(ARGV) do
  if #argument > {longest_argument} then
    return redis.error_reply('ERR an argument is too long')
  end
end
{text}
end)
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A script that workers run, with a function of the same text.

    Workers of the default site run the script. Those of other sites may load nothing into Redis:
    a script of a stolen worker could run for ever, and stall all sites. They call the function.
    The name is that of the text, so that two versions of the API and the workers go together.
    """

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)
        SCRIPTS.append(self)

    @property
    def name(self) -> str:
        """The name of the function, and of the library that it is alone in."""
        return f"{LIBRARIES}{self.digest}"

    @property
    def library(self) -> str:
        """What FUNCTION LOAD takes."""
        return _LIBRARY.format(
            name=self.name,
            text=self.text,
            most_keys=MOST_KEYS,
            most_arguments=MOST_ARGUMENTS,
            longest_argument=LONGEST_ARGUMENT,
        )

    def queue(
        self, pipe: Any, site: SiteKeys, keys: Sequence[str], arguments: Sequence[str | float]
    ) -> None:
        """Queue one command of a worker of `site`, for `RoundTrips`, which loads scripts."""
        if site.has_functions:
            pipe.fcall(self.name, len(keys), *keys, *arguments)
        else:
            pipe.evalsha(self.digest, len(keys), *keys, *arguments)

    def call(
        self,
        redis: Any,
        site: SiteKeys,
        keys: Sequence[str],
        arguments: Sequence[str | float | bytes],
    ) -> None:
        """Do the same on a client or pipeline that loads no scripts."""
        if site.has_functions:
            redis.fcall(self.name, len(keys), *keys, *arguments)
        else:
            redis.eval(self.text, len(keys), *keys, *arguments)


LIBRARIES = "conncheck_"
"""What the names of all libraries begin with."""
SCRIPTS: list[Script] = []
"""All of them that were imported."""
