# Signet in a container: not root, with a root file system that may be read-only.
#
# The base image is named by its tag. To pin it, add the digest that your registry shows:
# python:3.13-slim@sha256:…
FROM python:3.13-slim AS build

WORKDIR /source
# docker build --build-arg EXTRAS="ldap otel": with these of requirements/. otel sends traces; ldap is
# for directories. python-ldap is built from source.
ARG EXTRAS=""
# hadolint ignore=DL3008
RUN case " $EXTRAS " in *" ldap "*) \
      apt-get update \
      && apt-get install --yes --no-install-recommends gcc libc6-dev libldap2-dev libsasl2-dev \
      && rm -rf /var/lib/apt/lists/* ;; \
    esac
COPY requirements/*.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python -m venv /opt/signet \
 && /opt/signet/bin/pip install --no-cache-dir --require-hashes -r requirements/production.txt \
 && for extra in $EXTRAS; do \
      /opt/signet/bin/pip install --no-cache-dir --require-hashes -r "requirements/$extra.txt" || exit 1; \
    done
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/signet/bin/pip install --no-cache-dir --no-deps /wheel/*.whl \
 && /opt/signet/bin/pip uninstall --yes pip \
 && IDP_STATIC_ROOT=/opt/signet/static /opt/signet/bin/signet collectstatic --noinput


FROM python:3.13-slim

# The libraries that python-ldap runs with, by their name in this Debian and in the one before.
ARG EXTRAS=""
# hadolint ignore=DL3008
RUN case " $EXTRAS " in *" ldap "*) \
      apt-get update \
      && apt-get install --yes --no-install-recommends ca-certificates libsasl2-2 '^libldap(2|-2\.5-0)$' \
      && rm -rf /var/lib/apt/lists/* ;; \
    esac

# Numbers, so that Kubernetes can tell that it is not root (runAsNonRoot).
RUN groupadd --system --gid 10001 signet \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin signet \
 && install --directory --owner 10001 --group 10001 /var/lib/signet/media
COPY --from=build /opt/signet /opt/signet

# /var/lib/signet/media has the pictures of users: a volume that all containers of serve share, unless
# IDP_STORAGE names another place. Nothing else is written, but to /tmp.
ENV PATH=/opt/signet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IDP_MEDIA_ROOT=/var/lib/signet/media \
    IDP_STATIC_ROOT=/opt/signet/static
WORKDIR /var/lib/signet
USER 10001:10001
EXPOSE 8000

# Of serve. Switch it off for the worker and for commands (compose.yaml does).
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]

# SIGTERM ends the requests in progress first, for up to 15 seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["signet"]
CMD ["serve", "--bind", "0.0.0.0:8000", "--workers", "2"]
