// A page that asks what a browser lets another site keep when it is framed.
// Must stay true: it is served from the application's host, so that what holds for it holds for the application.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

export interface CookieProbe {
  /** Frames itself twice in the page and answers what came back the second time: the cookies, and whether storage may be touched. */
  ask(page: Page): Promise<{ readonly cookies: string; readonly storage: string }>
}

const PAGE = `<!doctype html><script>
  try { localStorage.setItem('probe', '1'); window.storage = 'open' } catch (error) { window.storage = error.name }
</script>`

/** Listens on 127.0.0.2, where a stage has its application (a cookie knows hosts, not ports). */
export const openCookieProbe = async (): Promise<CookieProbe> => {
  const sent: string[] = []
  const server = createServer((request, response) => {
    sent.push(request.headers.cookie ?? '')
    response.setHeader('Content-Type', 'text/html')
    // The only kind that browsers take in a frame of another site; loopback counts as secure.
    response.setHeader('Set-Cookie', 'probe=1; SameSite=None; Secure')
    response.end(PAGE)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.2', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  })
  const { port } = server.address() as AddressInfo // TCP
  const frame = (url: string) =>
    new Promise<void>(resolve => {
      const element = document.createElement('iframe')
      element.addEventListener('load', () => resolve())
      element.src = url
      document.body.append(element)
    })
  return {
    async ask(page) {
      for (const path of ['first', 'second']) await page.evaluate(frame, `http://127.0.0.2:${port}/${path}`)
      const second = page.frames().find(each => each.url().endsWith('/second'))
      return { cookies: sent.at(-1) ?? '', storage: String(await second?.evaluate('storage')) }
    }
  }
}
