# Three images from one file; docs/how-to/run-in-containers.md says how to use them.
#   docker build --target desk|car|demo -t pixelopolis:desk .
# The base is named by Python's minor version and Debian's release, so that both get security fixes.
FROM python:3.11-slim-bookworm AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 PATH=/venv/bin:$PATH

# --- what is installed: libraries whose hashes are in locks/, then our own wheel -----------------
FROM base AS build
WORKDIR /src
COPY locks/build.txt locks/
RUN python -m venv /venv && pip install --require-hashes -r locks/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY pixelopolis pixelopolis
COPY car car
COPY server server
COPY station station
COPY sim sim
COPY training training
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM base AS installed
WORKDIR /src
RUN python -m venv /venv
COPY locks locks

FROM installed AS desk-installed
RUN pip install --require-hashes -r locks/server.txt
COPY --from=build /wheels /wheels
RUN pip install --no-deps /wheels/*.whl

FROM installed AS car-installed
RUN pip install --require-hashes -r locks/car.txt
COPY --from=build /wheels /wheels
RUN pip install --no-deps /wheels/*.whl

FROM installed AS demo-installed
RUN pip install --require-hashes -r locks/demo.txt
COPY --from=build /wheels /wheels
RUN pip install --no-deps /wheels/*.whl

# --- what runs, as a user without rights ------------------------------------------------------
FROM base AS runtime
RUN useradd --uid 10001 --create-home pixelopolis
WORKDIR /home/pixelopolis

FROM runtime AS desk
COPY --from=desk-installed /venv /venv
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]
ENTRYPOINT ["pixelopolis", "server"]
CMD ["--host", "0.0.0.0"]

# No HEALTHCHECK: the port of the live view is in the car's settings, and the car starts its own
# failed parts anew.
FROM runtime AS car
RUN usermod --append --groups dialout,video pixelopolis
COPY --from=car-installed /venv /venv
USER 10001
ENTRYPOINT ["pixelopolis", "car"]
CMD ["--config", "/etc/pixelopolis/car.toml"]

FROM runtime AS demo
# To draw the town without a GPU; libcurl4 is mongod's. Debian keeps a release's newest versions only.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libcurl4 libegl1 libgl1 libgl1-mesa-dri \
  && rm -rf /var/lib/apt/lists/*
COPY --from=demo-installed /venv /venv
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=120s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]
ENTRYPOINT ["pixelopolis", "demo"]
CMD ["--host", "0.0.0.0"]
