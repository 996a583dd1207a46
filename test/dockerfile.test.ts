// What can be said of the image without Docker: its base cannot change, and its health check tells the truth.
// Must stay true: the check is run as it stands in the Dockerfile, against a real server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openHttpApp } from './support/http-app.ts'

const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8')

test('every stage stands on a base that is named by its content', () => {
  const images = [...dockerfile.matchAll(/^(?:ARG \w+=|FROM )(node:\S+)/gm)].map(([, image]) => image)
  expect(images.length).toBeGreaterThan(0)
  for (const image of images) expect(image).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim@sha256:[0-9a-f]{64}$/)
  const from = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)
  for (const base of from) expect(base).toMatch(/^node:|^\$\{NODE_IMAGE\}$/)
})

describe('the health check', () => {
  /** Its exit code in a container whose server listens on this port. */
  const check = async (port: number): Promise<number> => {
    const command = /^HEALTHCHECK [\s\S]*?CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]'
    const [program, ...parameters] = JSON.parse(command) as string[]
    expect(program).toBe('node')
    const child = spawn(process.execPath, parameters, { env: { PORT: String(port) }, stdio: 'ignore' })
    const [code] = await once(child, 'exit')
    return code as number
  }

  test('is content with a server that is ready', async () => {
    expect(await check((await openHttpApp()).port)).toBe(0)
  })

  test('is not with one that is starting, and not where nobody listens', async () => {
    const starting = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
    await once(starting, 'listening')
    onTestFinished(() => void starting.close())
    const { port } = starting.address() as AddressInfo // TCP
    expect(await check(port)).toBe(1)
    starting.closeAllConnections()
    await new Promise(resolve => starting.close(resolve))
    expect(await check(port)).toBe(1)
  })
})
