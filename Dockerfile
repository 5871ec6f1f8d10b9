# syntax=docker/dockerfile:1
# The Functions host with the handler behind it, for Kubernetes and for `docker compose up`.

# The host's image. Whoever deploys pins it by digest: --build-arg FUNCTIONS_IMAGE=…@sha256:…
ARG FUNCTIONS_IMAGE=mcr.microsoft.com/azure-functions/dotnet:4

FROM rust:1.95-alpine3.22 AS build
# Alpine's C library is musl: what is built here runs on any Linux.
RUN apk add --no-cache build-base=~0.5 cmake=~3 perl=~5 linux-headers=~6
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --locked --release --package inventory-handlers --bin inventory-handler --package inventory-cli --bin inventory \
    && mkdir /package \
    && cp target/release/inventory-handler host.json /package/ \
    && cp -r functions/* /package/ \
    && cp target/release/inventory /usr/local/bin/inventory

# hadolint ignore=DL3006
FROM ${FUNCTIONS_IMAGE}
# Not under /home, which is the host's to write.
ENV AzureWebJobsScriptRoot=/app \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    FUNCTIONS_WORKER_RUNTIME=custom \
    ASPNETCORE_URLS=http://+:8080 \
    HOME=/home
COPY --from=build /package /app
COPY --from=build /usr/local/bin/inventory /usr/local/bin/inventory
# Nobody special; the numbers are what Kubernetes is told.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["inventory", "health", "http://localhost:8080"]
