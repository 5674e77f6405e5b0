# Where the official image cannot be pulled.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* && mkdir -p /prometheus && chmod 777 /prometheus
USER 65534:65534
ENTRYPOINT ["prometheus"]
