# The server as an image with one file in it that runs, and nothing else: no shell, no package to patch.
#
#   docker build -t restante .
#   docker run -d -p 127.0.0.1:8080:8080 -v restante:/data -e RESTANTE_AUTH=none restante
#
# With tokens, whose secret is in a file that user 65532 may read and others may not write:
#
#   docker run -d -p 127.0.0.1:8080:8080 -v restante:/data -v "$PWD/jwt-secret:/run/secrets/jwt:ro" \
#     -e RESTANTE_AUTH=jwt -e RESTANTE_JWT_SECRET_FILE=/run/secrets/jwt restante
#
# In a container the server listens on all addresses, and it starts only when it is told who may use it. RESTANTE_AUTH=none
# means everyone who reaches the port, so publish it on 127.0.0.1, or behind something that asks who they are. It is then answered under
# localhost and addresses only; -e RESTANTE_HOST=NAME adds a name.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# auto notes the commit when there is a .git in the context; false where .git cannot be read, such as in a worktree.
ARG BUILDVCS=auto
# The files in the context may belong to another user than the one who builds, which git refuses otherwise.
RUN git config --global --add safe.directory /src
RUN --mount=type=bind,source=go.mod,target=go.mod \
    --mount=type=bind,source=go.sum,target=go.sum \
    --mount=type=cache,target=/go/pkg/mod \
    go mod download
RUN --mount=type=bind,target=. \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -buildvcs=${BUILDVCS} -trimpath -ldflags=-s -o /out/restante ./cmd/restante
RUN /out/restante version && mkdir -m 700 /out/data

FROM scratch
# The tag and the commit, such as --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)", and where the
# source is. The binary notes the first two itself.
ARG VERSION="" REVISION="" SOURCE=""
LABEL org.opencontainers.image.title="restante" \
      org.opencontainers.image.description="Self-hosted group messaging that keeps what it has accepted" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE NOTICE /licenses/
# For amqps:// and https://. Time zones are not needed: every time is UTC.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/restante /restante
COPY --from=build --chown=65532:65532 /out/data /data
# A number, so that it can be seen not to be root. A directory that is mounted at /data must belong to it.
USER 65532:65532
WORKDIR /data
VOLUME /data
ENV RESTANTE_DATA=/data \
    RESTANTE_LISTEN=:8080 \
    RESTANTE_LOG_FORMAT=json
EXPOSE 8080
# Whether it lives, not whether it is ready: some engines kill what is unhealthy, and a server that waits for its broker
# must not be.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/restante", "health", "--live"]
ENTRYPOINT ["/restante"]
CMD ["serve"]
