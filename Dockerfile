# syntax=docker/dockerfile:1
# The standalone server in an image without a shell: `docker build --tag flowmastery .`
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# The caches stay between builds; what is in them does not come into the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package poem-standalone \
    && install -D target/release/flowmastery /image/flowmastery \
    && install -d /image/data

# glibc, certificate authorities, and the account nonroot (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/flowmastery /usr/local/bin/flowmastery
COPY --from=build --chown=65532:65532 /image/data /var/lib/flowmastery
WORKDIR /var/lib/flowmastery
# Not loopback: so DEBUG is off, and a SECRET_KEY has to be given.
ENV BIND=0.0.0.0:8000
EXPOSE 8000
# The data of SQLite, unless DATABASE_URL names another place.
VOLUME /var/lib/flowmastery
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["/usr/local/bin/flowmastery", "health"]
ENTRYPOINT ["/usr/local/bin/flowmastery"]
CMD ["serve"]
