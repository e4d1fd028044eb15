# The -slim image brings gcc, which is all that compiling ring (cryptography) and mimalloc asks for.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Dependencies are a layer of their own, built again only when the manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --locked --release

# Cargo goes by modification times, and the sources are older than the stand-ins they replace.
COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo build --locked --release

# Without a shell or a package manager: glibc and libgcc, which a Rust program links to, and the CA certificates
# in /etc/ssl/certs, without which the bridge could not verify TOP and does not start.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="mediation-bridge" \
      org.opencontainers.image.description="Pushes Jiaoyimao mediation results to the Taobao Open Platform, and says honestly what became of them" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /build/target/release/mediation-bridge /usr/local/bin/mediation-bridge

# The user as a number, so that Kubernetes can see by itself that it is not root.
USER 65532:65532

# Reachable from outside the container. On such an address the bridge starts only with BRIDGE_CALLERS, or with
# BRIDGE_ALLOW_ANONYMOUS=true: nobody opens it to everyone by accident.
ENV BRIDGE_BIND=0.0.0.0:8080
EXPOSE 8080

# The program asks itself, for want of curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/local/bin/mediation-bridge", "healthcheck"]

# Requests under way are answered before it ends: give it BRIDGE_DRAIN_DELAY, BRIDGE_DEADLINE and a little more.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/mediation-bridge"]
CMD ["serve"]
