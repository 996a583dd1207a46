// Somebody else's web site, which a visitor's browser has open: it tries to make the browser ask the app for work.
// Must stay true: it uses only what any page may do; every attempt is over when its promise resolves.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

/** How a browser may be told to reach this machine, and what it makes of it. */
export const SPELLINGS = [
  ...['localhost', '127.0.0.1', '127.1', '2130706433', '017700000001', '0x7f000001', '127.9.9.9'],
  ...['0.0.0.0', '0', '[::]', '[::1]', '[::ffff:127.0.0.1]']
]

export interface EvilSite {
  /** A page on another port of this machine. */
  readonly near: string
  /** The same page, which the browser counts as one of the public internet. */
  readonly far: string
  /** An address here that redirects to the target. */
  redirect(target: string): string
}

/** Closed when the test ends. */
export const openEvilSite = async (): Promise<EvilSite> => {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://evil')
    if (pathname === '/redirect') {
      response.writeHead(302, { Location: searchParams.get('to') ?? '/' }).end()
      return
    }
    response.setHeader('Content-Type', 'text/html')
    if (pathname === '/far') response.setHeader('Content-Security-Policy', 'treat-as-public-address')
    response.end('<!doctype html><title>Kittens</title><link rel="icon" href="data:,">')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // TCP
  return {
    near: `${origin}/near`,
    far: `${origin}/far`,
    redirect: target => `${origin}/redirect?to=${encodeURIComponent(target)}`
  }
}

/** Images, fetches and frames from within the page; resolves when the browser has done with all of them. */
export const attackFromWithin = (page: Page, streams: readonly string[], posts: readonly string[]): Promise<unknown> =>
  page.evaluate(
    async ([streamed, posted]) => {
      const ended = (element: HTMLImageElement | HTMLIFrameElement, src: string) =>
        new Promise<void>(resolve => {
          element.onload = element.onerror = () => resolve()
          element.src = src
          document.body.append(element)
        })
      const fetched = (url: string, init: RequestInit) =>
        fetch(url, { mode: 'no-cors', ...init }).catch(() => undefined)
      await Promise.all([
        ...streamed.flatMap(url => [
          ended(document.createElement('img'), `${url}&by=image`),
          ended(document.createElement('iframe'), `${url}&by=iframe`),
          fetched(`${url}&by=fetch`, {}),
          fetched(`${url}&by=silent-fetch`, { referrerPolicy: 'no-referrer', credentials: 'omit' })
        ]),
        ...posted.map(url => fetched(`${url}&by=post`, { method: 'POST', body: '{"kind":"clear"}' }))
      ])
    },
    [streams, posts] as const
  )

export type Opening = 'redirect' | 'popup' | 'form' | 'get-form' | 'link'

/** Leads the browser away, into another tab; resolves when the app has answered, or the browser has refused. */
export const leadAway = async (
  context: BrowserContext,
  page: Page,
  opening: Opening,
  url: string,
  redirect: EvilSite['redirect']
): Promise<void> => {
  const marked = `${url}&by=${opening}-${new URL(page.url()).pathname.slice(1)}`
  const mark = marked.slice(marked.indexOf('n='))
  const asked = context.waitForEvent('request', {
    predicate: each => each.url().includes(mark) && !each.url().includes('/redirect?')
  })
  const opened = page.waitForEvent('popup')
  await page.evaluate(
    ([how, target]) => {
      if (how === 'popup' || how === 'redirect') return void window.open(target)
      const element = document.createElement(how === 'link' ? 'a' : 'form')
      element.target = '_blank'
      element.rel = 'noreferrer opener'
      if (element instanceof HTMLAnchorElement) element.href = target
      else {
        element.action = target
        element.method = how === 'form' ? 'post' : 'get'
        for (const [name, value] of new URL(target).searchParams) {
          const input = document.createElement('input')
          input.type = 'hidden'
          input.name = name
          input.value = value
          element.append(input)
        }
      }
      document.body.append(element)
      if (element instanceof HTMLAnchorElement) element.click()
      else element.submit()
    },
    [opening, opening === 'redirect' ? redirect(marked) : marked] as const
  )
  const tab = await opened
  await (await asked).response()
  await tab.close()
}
