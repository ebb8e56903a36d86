# One image for every service of docker-compose.yml, amd64 and arm64; and a small one of the agent alone for gateways:
#   docker buildx build --platform linux/amd64,linux/arm64 --target agent -t vrijloop-agent .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v agent:/data -v ./agent.toml:/etc/vrijloop/agent.toml:ro vrijloop-agent
FROM python:3.13.9-slim-bookworm AS tools
# `strip`, for what scripts/trim-venv takes out of libraries; it is in no image in the end.
RUN command -v strip || { apt-get update && apt-get install -y --no-install-recommends binutils; }
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ONLY_BINARY=:all:
WORKDIR /source

# Every package is one that stands in locks/ with its hash, also those that build the wheel, which stay behind. Packages are installed before anything
# of ours is there: an upgrade fetches them again only if they have changed.
FROM tools AS packages-agent
COPY locks/agent.txt locks/
RUN python -m venv --without-pip /opt/vrijloop \
 && pip --python /opt/vrijloop/bin/python install --no-compile --require-hashes -r locks/agent.txt

FROM tools AS packages-server
COPY locks/server.txt locks/
RUN python -m venv --without-pip /opt/vrijloop \
 && pip --python /opt/vrijloop/bin/python install --no-compile --require-hashes -r locks/server.txt

FROM tools AS wheel
COPY locks/build.txt locks/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r locks/build.txt
COPY pyproject.toml README.md ./
COPY telemetry telemetry
COPY sign_in sign_in
COPY stores stores
COPY edge_agent edge_agent
COPY ingest ingest
COPY analytics analytics
COPY sharing_platform sharing_platform
COPY dashboards dashboards
COPY simulators simulators
COPY vrijloop vrijloop
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM packages-agent AS build-agent
COPY --from=wheel /wheel /wheel
COPY scripts/trim-venv scripts/
RUN pip --python /opt/vrijloop/bin/python install --no-compile --no-deps /wheel/*.whl \
 && /opt/vrijloop/bin/python scripts/trim-venv

FROM packages-server AS build-server
COPY --from=wheel /wheel /wheel
COPY scripts/trim-venv scripts/
RUN pip --python /opt/vrijloop/bin/python install --no-compile --no-deps /wheel/*.whl \
 && /opt/vrijloop/bin/python scripts/trim-venv

FROM python:3.13.9-slim-bookworm AS bare
# The base's own pip goes, too: nothing is installed in a container.
RUN python -c "import os, pip, shutil; shutil.rmtree(os.path.dirname(pip.__file__))" \
 && rm -f /usr/local/bin/pip* /usr/bin/pip* \
 && groupadd --system --gid 10001 vrijloop \
 && useradd --system --uid 10001 --gid vrijloop --no-create-home vrijloop \
 && install -d -o vrijloop -g vrijloop -m 0700 /data \
 && install -d -o vrijloop -g vrijloop -m 0755 /run/influxdb-token /run/grafana-token
ENV PATH=/opt/vrijloop/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VRIJLOOP_LOG=json
VOLUME /data
WORKDIR /data

FROM bare AS agent
COPY --from=build-agent /opt/vrijloop /opt/vrijloop
USER 10001
HEALTHCHECK --interval=30s --timeout=20s CMD ["vrijloop", "agent", "status", "--config", "/etc/vrijloop/agent.toml", "--json"]
ENTRYPOINT ["vrijloop"]
CMD ["agent", "run", "--config", "/etc/vrijloop/agent.toml"]

FROM bare AS server
COPY --from=build-server /opt/vrijloop /opt/vrijloop
# As in the systemd units: the C library keeps what each of many threads has let go of for that thread.
ENV MALLOC_ARENA_MAX=2
USER 10001
ENTRYPOINT ["vrijloop"]
CMD ["--help"]
