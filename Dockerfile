# One image for the API and the worker: `docker run conncheck api`, `docker run conncheck worker`.
FROM python:3.12-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/conncheck
ENV PATH=/opt/conncheck/bin:$PATH
WORKDIR /src

# Before the code, so that a change of the code alone installs nothing again.
COPY constraints.txt ./
RUN pip install --require-hashes --no-deps -r constraints.txt

COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY cli cli
COPY shared shared
COPY worker worker
RUN pip install --no-deps --no-build-isolation . \
    && python -m compileall -q /opt/conncheck/lib


FROM python:3.12-slim

# SAFEPATH: what lies in the current directory must not be taken for a package of ours.
# DONTWRITEBYTECODE: the file system may be read-only, and everything is compiled already.
ENV PATH=/opt/conncheck/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/conncheck /opt/conncheck

# A number, because Kubernetes' runAsNonRoot can't judge a name.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["conncheck"]
CMD ["--help"]
