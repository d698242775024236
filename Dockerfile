# The image of the bridge, and of `eventhubs-local`:
#
#   docker build --tag kafka-eventhubs-bridge .                                   the bridge
#   docker build --target eventhubs-local --tag eventhubs-local .                 an Event Hubs for test clusters
#   docker build --target sbom --output . .                                       what is in either, as CycloneDX
#
# Each platform is built on its own kind of machine (`docker buildx build --platform linux/amd64,linux/arm64`): librdkafka, OpenSSL
# and AWS-LC are C, and come out best where they will run. Base images are arguments, so that a mirror can stand in for a registry.

# The version is that of rust-toolchain.toml; a test says so.
ARG BUILDER=docker.io/library/rust:1.95.0-trixie
# Debian 13 for its glibc, 2.41: `memcpy` of glibc before 2.39 takes a slow path on AMD Zen 3 and 4 for the sizes copied here, at about
# 10 % of the bridge's CPU. Nothing in the image but libc, libgcc, roots of trust and time zones: no shell, no package manager.
ARG RUNTIME=gcr.io/distroless/cc-debian13:nonroot

# What all builds begin with: the manifests, and sources that are empty yet. Built alone they make the layer of dependencies, which holds
# until a manifest changes.
# hadolint ignore=DL3006
FROM ${BUILDER} AS manifests
# Otherwise rustup would fetch the components of rust-toolchain.toml, which only people need.
ENV RUSTUP_TOOLCHAIN=1.95.0 \
    CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY crates/amqp/Cargo.toml crates/amqp/
COPY crates/core/Cargo.toml crates/core/
COPY crates/eventhubs-local/Cargo.toml crates/eventhubs-local/
COPY crates/orders-demo/Cargo.toml crates/orders-demo/
COPY crates/processes/Cargo.toml crates/processes/
COPY crates/schema/Cargo.toml crates/schema/
COPY crates/shape/Cargo.toml crates/shape/
COPY crates/stage/Cargo.toml crates/stage/
RUN mkdir -p src benches/bridge benches/instructions benches/once benches/scale benches/steady benches/verify crates/amqp/src crates/core/src crates/eventhubs-local/src crates/eventhubs-local/benches crates/orders-demo/src crates/processes/src crates/schema/src crates/shape/src crates/stage/src \
    && touch src/lib.rs crates/amqp/src/lib.rs crates/core/src/lib.rs crates/eventhubs-local/src/lib.rs crates/processes/src/lib.rs crates/schema/src/lib.rs crates/shape/src/lib.rs crates/stage/src/lib.rs \
    && for file in src benches/bridge benches/instructions benches/once benches/scale benches/steady benches/verify crates/eventhubs-local/src crates/orders-demo/src; do echo 'fn main() {}' > "$file/main.rs"; done \
    && echo 'fn main() {}' > crates/eventhubs-local/benches/ingest.rs

FROM manifests AS build-bridge
RUN cargo build --release --locked --package kafka-eventhubs-bridge --features aws-msk-iam,vendored-openssl
COPY crates/amqp crates/amqp
COPY crates/core crates/core
COPY crates/schema crates/schema
COPY crates/shape crates/shape
COPY src src
# Shown by `bridge_build_info`.
ARG REVISION=unknown
# The copied files may be older than the empty ones that were built.
RUN touch crates/amqp/src/lib.rs crates/core/src/lib.rs crates/schema/src/lib.rs crates/shape/src/lib.rs src/lib.rs src/main.rs \
    && BRIDGE_COMMIT="${REVISION}" cargo build --release --locked --package kafka-eventhubs-bridge --features aws-msk-iam,vendored-openssl

FROM manifests AS build-local
RUN cargo build --release --locked --package eventhubs-local
COPY crates/amqp crates/amqp
COPY crates/eventhubs-local crates/eventhubs-local
RUN touch crates/amqp/src/lib.rs crates/eventhubs-local/src/lib.rs crates/eventhubs-local/src/main.rs \
    && cargo build --release --locked --package eventhubs-local

FROM manifests AS build-sbom
RUN cargo install --locked cargo-cyclonedx@0.5.9 \
    && cargo cyclonedx --format json --features aws-msk-iam,vendored-openssl --manifest-path Cargo.toml --override-filename bridge \
    && test -s bridge.json && test -s crates/eventhubs-local/bridge.json

FROM scratch AS sbom
COPY --from=build-sbom /build/bridge.json /kafka-eventhubs-bridge.cdx.json
COPY --from=build-sbom /build/crates/eventhubs-local/bridge.json /eventhubs-local.cdx.json

# hadolint ignore=DL3006
FROM ${RUNTIME} AS eventhubs-local
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="eventhubs-local" \
      org.opencontainers.image.description="An Event Hubs-compatible AMQP server for development and tests" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-local /build/target/release/eventhubs-local /usr/local/bin/
USER 65532:65532
EXPOSE 5672
ENTRYPOINT ["/usr/local/bin/eventhubs-local"]
CMD ["--listen", "0.0.0.0:5672"]

# Last, so that a build without `--target` makes it.
# hadolint ignore=DL3006
FROM ${RUNTIME} AS bridge
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kafka-eventhubs-bridge" \
      org.opencontainers.image.description="Copies Apache Kafka topics into Azure Event Hubs: keys kept, order kept, nothing lost" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-bridge /build/target/release/kafka-eventhubs-bridge /usr/local/bin/
# A number, which Kubernetes can tell from root. It writes nothing: the root file system may be read-only.
USER 65532:65532
EXPOSE 9400
ENTRYPOINT ["/usr/local/bin/kafka-eventhubs-bridge"]
CMD ["run", "--config", "/etc/bridge/bridge.toml"]
