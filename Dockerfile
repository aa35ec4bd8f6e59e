# The image: one binary, a user without rights, one volume. Run it with a read-only root:
#   docker run --read-only -v greenlight:/data -p 8080:8080 greenlight
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home greenlight
COPY --from=build /src/target/dist/greenlight /usr/local/bin/greenlight
USER 10001
VOLUME /data
WORKDIR /data
ENV GREENLIGHT_DATABASE=sqlite:/data/greenlight.db GREENLIGHT_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["greenlight", "health"]
ENTRYPOINT ["greenlight"]
CMD ["serve"]
