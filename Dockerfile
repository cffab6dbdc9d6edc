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


FROM python:3.12-slim AS bare

COPY --from=build /opt/conncheck /opt/conncheck
# Whoever breaks in finds no shell, no package tool and no client to go on with: all programs go but
# Python, which needs none of them. The last line is run without a shell, for there is none left.
RUN rm -rf /usr/local/lib/python3.12/ensurepip /usr/local/lib/python3.12/site-packages/pip* \
    /opt/conncheck/lib/python3.12/site-packages/pip* /opt/conncheck/bin/pip* \
    /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/sbin \
    /usr/lib/apt /usr/share/perl* /usr/lib/*/perl* /usr/games /var/cache/* /var/lib/apt
RUN ["python3", "-c", "import shutil; [shutil.rmtree(d) for d in ('/usr/bin', '/usr/sbin')]"]


# From nothing, so that what was removed is in no layer either.
FROM scratch

COPY --from=bare / /

# SAFEPATH: what lies in the current directory must not be taken for a package of ours.
# DONTWRITEBYTECODE: the file system may be read-only, and everything is compiled already.
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
