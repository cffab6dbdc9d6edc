# One image for the API and the worker: `docker run conncheck api`, `docker run conncheck worker`.
# `docker buildx imagetools inspect NAME:TAG` prints the digest of a newer one.
ARG BASE=python:3.12.14-slim-trixie@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea
FROM ${BASE} AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/conncheck
ENV PATH=/opt/conncheck/bin:$PATH
WORKDIR /src

# Before the code, so that a change of the code does not reinstall the dependencies.
COPY constraints/runtime.txt constraints/
RUN pip install --require-hashes --no-deps -r constraints/runtime.txt

COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY cli cli
COPY client client
COPY shared shared
COPY worker worker
RUN pip install --no-deps --no-build-isolation ./client . \
    && python -m compileall -q /opt/conncheck/lib


FROM ${BASE} AS bare

COPY --from=build /opt/conncheck /opt/conncheck
# An attacker finds no shell, package tool or network client: all programs but Python are removed, and
# Python needs none of them. The last line runs without a shell, because none is left. Of a user without a
# name, Celery would warn as if it were root.
RUN rm -rf /usr/local/lib/python3.*/ensurepip /usr/local/lib/python3.*/site-packages/pip* \
    /opt/conncheck/lib/python3.*/site-packages/pip* /opt/conncheck/bin/pip* \
    /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/sbin \
    /usr/lib/apt /usr/share/perl* /usr/lib/*/perl* /usr/games /var/cache/* /var/lib/apt \
    && echo "conncheck:x:10001:10001::/tmp:/" >> /etc/passwd && echo "conncheck:x:10001:" >> /etc/group
RUN ["python3", "-c", "import shutil; [shutil.rmtree(d) for d in ('/usr/bin', '/usr/sbin')]"]


# From an empty image, so that no layer contains what was removed.
FROM scratch

COPY --from=bare / /

# SAFEPATH: files in the current directory must not be imported instead of our packages.
# DONTWRITEBYTECODE: the file system may be read-only, and everything is already compiled.
ENV PATH=/opt/conncheck/bin:/usr/local/bin \
    LANG=C.UTF-8 \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# A number, because Kubernetes' runAsNonRoot can't judge a name.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["conncheck"]
CMD ["--help"]
