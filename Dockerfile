# Both bases can be others, such as a registry's mirror of them. The first needs Rust, a C compiler for ring and
# mimalloc, and CA certificates; the second the same C library as the first, of Debian 13.
ARG RUST_IMAGE=rust:1.95.0-slim-trixie@sha256:e14e87345b4d5964ddcc3491d27ee046a0f23820f340c3c1e24da6880141f7c0
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot@sha256:54df941ed0d06a1bd95ef5e0ce391fd8d9f94b64782dc9a60062727849ee3f97

FROM ${RUST_IMAGE} AS build
WORKDIR /build

# A mirror of crates.io, as Cargo writes it: sparse+https://HOST/PATH/. A .cargo/config.toml of the operator's own, which
# comes with the sources, goes before it.
ARG CARGO_REGISTRY_MIRROR=
RUN if [ -n "$CARGO_REGISTRY_MIRROR" ]; then \
        printf '[source.crates-io]\nreplace-with = "mirror"\n\n[source.mirror]\nregistry = "%s"\n' \
            "$CARGO_REGISTRY_MIRROR" >> "$CARGO_HOME/config.toml"; \
    fi

# Everything that .dockerignore lets through.
COPY . .
ARG MEDIATION_BRIDGE_COMMIT
# Crates and what was compiled of them stay from one build to the next. Cargo goes by modification times, and what it
# compiled last may be younger than these sources.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,sharing=locked \
    touch src/lib.rs src/main.rs \
    && cargo build --locked --release \
    && cp target/release/mediation-bridge /usr/local/bin/

# Without a shell or a package manager: glibc and libgcc, which a Rust program links to.
FROM ${RUNTIME_IMAGE}
ARG RUNTIME_IMAGE
ARG VERSION=0.2.0
ARG MEDIATION_BRIDGE_COMMIT
LABEL org.opencontainers.image.title="mediation-bridge" \
      org.opencontainers.image.description="Pushes Jiaoyimao mediation results to the Taobao Open Platform, and says honestly what became of them" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${MEDIATION_BRIDGE_COMMIT}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"
# Without them the bridge cannot verify TOP. Not every base has them.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/bin/mediation-bridge /usr/local/bin/

# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532

# Reachable from outside the container. On such an address the bridge starts only with BRIDGE_CALLERS, or with
# BRIDGE_ALLOW_ANONYMOUS=true.
ENV BRIDGE_BIND=0.0.0.0:8080
EXPOSE 8080

# There is no curl in it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/local/bin/mediation-bridge", "healthcheck"]

# Requests in flight are answered first: leave BRIDGE_DRAIN_DELAY + BRIDGE_DEADLINE + 10 s before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/mediation-bridge"]
CMD ["serve"]
