// The standalone secret through real HTTP: what guesses cost, what the log says of them, and the page's ticket.
// Must stay true: whoever knows the secret does not wait for those who guess elsewhere.
import { expect, test } from 'vitest'
import { type HttpApp, openHttpApp, type Request } from '../support/http-app.ts'

const SECRET = 'open-sesame-0123456789'
const HTML = { accept: 'text/html,*/*;q=0.8' }
const FORM: Request = {
  method: 'POST',
  headers: { ...HTML, 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }
}

const guessLines = (app: HttpApp): { unlogged: number; address: string }[] =>
  app.logged.filter(line => line.includes('wrong secret')).map(line => JSON.parse(line))
const ticketIn = ({ text }: { readonly text: string }): string => /"ticket":"([^"]+)"/.exec(text)?.[1] ?? ''
const bearer = (token: string): Request => ({ headers: { authorization: `Bearer ${token}` } })

test('guesses at once are all refused and counted in few lines; then not even the secret counts from there, a ticket does', async () => {
  const app = await openHttpApp({ secret: SECRET })
  const ticket = ticketIn(await app.send('/', bearer(SECRET)))
  const all = Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      index % 2 ? app.send(`/api/runs?secret=guess-${index}`) : app.send('/api/runs', bearer(`guess-${index}`))
    )
  )
  const patience = { timeout: 40_000 }
  await expect.poll(async () => (await app.send('/api/runs', bearer(SECRET))).status, patience).toBe(403)
  expect((await app.send('/api/runs', bearer(ticket))).status).toBe(200)
  expect(new Set((await all).map(({ status }) => status))).toEqual(new Set([403]))
  const lines = guessLines(app)
  expect(lines[0]).toMatchObject({ address: expect.stringContaining('127.0.0.1'), unlogged: 0 })
  expect(lines.length).toBeLessThan(30)
  // The next one tells how many were kept back.
  await app.send('/api/runs?secret=one-more')
  expect(guessLines(app).reduce((sum, { unlogged }) => sum + unlogged + 1, 0)).toBeGreaterThanOrEqual(200)
  expect(app.logged.join()).not.toMatch(/guess-|one-more|open-sesame/)
}, 60_000)

test('status is no place to guess: a wrong secret is counted there as well', async () => {
  const app = await openHttpApp({ secret: SECRET })
  expect((await app.send('/bitrix/status?secret=guess-1')).body).toEqual({ busy: false })
  expect(guessLines(app)).toHaveLength(1)
})

test('a request without any secret is refused without being counted', async () => {
  const app = await openHttpApp({ secret: SECRET })
  for (const path of ['/api/runs', '/api/runs?secret=', '/?secret=']) expect((await app.send(path)).status).toBe(403)
  expect(guessLines(app)).toEqual([])
})

test('the form of the page posts the secret, and the page that it opens holds a ticket instead', async () => {
  const app = await openHttpApp({ secret: SECRET })
  const page = await app.send('/secret', { ...FORM, body: new URLSearchParams({ secret: SECRET }).toString() })
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.text).not.toContain(SECRET)
  const ticket = ticketIn(page)
  expect((await app.send('/api/runs', bearer(ticket))).status).toBe(200)
  const again = await app.send('/secret', { ...FORM, body: new URLSearchParams({ secret: ticket }).toString() })
  expect(again.status).toBe(200)

  const wrong = await app.send('/secret', { ...FORM, body: 'secret=wrong' })
  expect([wrong.status, wrong.text]).toEqual([403, expect.stringMatching(/<form>/)])
  const foreign = { ...FORM, headers: { ...FORM.headers, 'sec-fetch-site': 'cross-site' } }
  expect((await app.send('/secret', { ...foreign, body: `secret=${SECRET}` })).status).toBe(403)
  expect((await app.send('/secret')).headers.location).toBe('/')
})

test('a ticket is of this secret, whole, and ends', async () => {
  const app = await openHttpApp({ secret: SECRET })
  const [, ends = '', signed = ''] = ticketIn(await app.send('/', bearer(SECRET))).split('.')
  const other = await openHttpApp({ secret: `${SECRET}x` })
  expect((await other.send('/api/runs', bearer(`page.${ends}.${signed}`))).status).toBe(403)
  const later = (Number.parseInt(ends, 36) + 1000).toString(36)
  for (const forged of [
    `page.${later}.${signed}`,
    `page.${ends}.${signed.slice(1)}`,
    `page.${ends}.`,
    'page..',
    signed
  ]) {
    expect((await app.send('/api/runs', bearer(forged))).status, forged).toBe(403)
  }
})
