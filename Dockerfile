# Weir as a container: `docker build -t weir .`, or buildah or podman. packages/README.md says how it is run.
FROM docker.io/library/debian:12-slim AS build
WORKDIR /src
COPY .ci .ci
RUN .ci/install.sh build package
COPY . .
RUN capture/sql/libpg_query/fetch.sh \
    && cmake --preset release \
    && cmake --build --preset release \
    && cpack -G DEB --config build/CPackConfig.cmake -B build/deb

FROM docker.io/library/debian:12-slim
# The package says itself what it depends on. Its own folder is bound, so that the archive is in no layer.
RUN --mount=type=bind,from=build,source=/src/build/deb,target=/deb \
    apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates /deb/weir_*.deb \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /etc/weir \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/weir
COPY packages/container.yaml /etc/weir/weir.yaml

# A number: Kubernetes' runAsNonRoot cannot look up a name.
USER 10001:10001
ENV WEIR_CONFIG=/etc/weir/weir.yaml
VOLUME /var/lib/weir
EXPOSE 6432
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["weir", "check", "--ready"]
ENTRYPOINT ["weir"]
