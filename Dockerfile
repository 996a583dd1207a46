# By its content: a tag may name another image tomorrow. Renew both together (docker buildx imagetools inspect node:24-bookworm-slim).
ARG NODE_IMAGE=node:24.20.0-bookworm-slim@sha256:ba849c60be29959425b8734d57b8b4b7d56f98edd9504c9af091d5281095a71e

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/emulator/desktop emulator/desktop
COPY --from=build /app/views views
COPY --from=build /app/locales locales
COPY --from=build /app/package.json /app/install.html ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# The image has no curl. It asks where the server listens unless HOST names one address only.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# As in package.json: without them V8 lets garbage grow to twice the memory before it collects.
CMD ["node", "--max-old-space-size=1024", "--max-semi-space-size=4", "dist/server/main.js"]
