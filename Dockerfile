FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
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
# As in package.json: without them V8 lets garbage grow to twice the memory before it collects.
CMD ["node", "--max-old-space-size=1024", "--max-semi-space-size=4", "dist/server/main.js"]
