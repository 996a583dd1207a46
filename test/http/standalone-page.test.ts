// The standalone page as a browser gets it, over the emulated portal.
// Must stay true: whatever a portal holds is shown as text; the page opens whatever the portal does.
import { describe, expect, test } from 'vitest'
import { openHttpApp } from '../support/http-app.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

describe('the page', () => {
  test('shows hostile names as text, in the page, its data and the API', async () => {
    const app = await openHttpApp()
    const names = [
      '<script>alert(1)</script>',
      '{{7*7}}',
      '"><img onerror=1>',
      '‮txt.exe',
      'x'.repeat(10_000),
      '</script>\u2028'
    ]
    for (const TITLE of names) {
      const call = await fetch(`${app.portal.webhookUrl}crm.company.add.json`, {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ fields: { TITLE } })
      })
      expect(call.status).toBe(200)
    }
    const { text, headers } = await app.send('/')
    for (const danger of ['<script>alert', '<img', '49</td>']) expect(text).not.toContain(danger)
    const data = /<script type="application\/json">(.*?)<\/script>/s.exec(text)?.[1] ?? ''
    const { items } = (await app.send('/api/companies')).body
    expect(JSON.parse(data).companies.items).toEqual(items)
    expect(items.map(({ title }: { title: string }) => title)).toContain('<script>alert(1)</script>')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['cache-control']).toBe('no-store')
  })

  test('speaks Russian unless English is asked for', async () => {
    const app = await openHttpApp()
    for (const [path, headers, lang] of [
      ['/', {}, 'ru'],
      ['/', { 'accept-language': 'fr' }, 'ru'],
      ['/', { 'accept-language': 'en-GB' }, 'en'],
      ['/?lang=ru', { 'accept-language': 'en' }, 'ru'],
      ['/?lang=en', {}, 'en'],
      ['/?lang=xx', {}, 'ru'],
      ['/?lang=en&lang=ru', {}, 'ru']
    ] as const) {
      expect((await app.send(path, { headers })).text, path).toContain(`lang="${lang}"`)
    }
  })

  test('opens also when the portal does not answer, and says why its tables are empty', async () => {
    const app = await openHttpApp()
    app.portal.removeWebhook(app.portal.webhookUrl)
    const { status, text } = await app.send('/')
    expect(status).toBe(200)
    expect(text).toMatch(/<i>[A-Z_]+<\/i>/)
    const answer = await app.send('/api/companies')
    expect(answer.status).toBe(502)
    expect(answer.body.error).toMatch(/^[A-Z][A-Z0-9_]+$/)
    expect(answer.body.error_description.length).toBeGreaterThan(20)
  })

  test('is an error page for people and JSON for programs when the secret is missing', async () => {
    const app = await openHttpApp({ secret: 'open-sesame-1' })
    const page = await app.send('/', { headers: { accept: 'text/html,*/*;q=0.8', 'accept-language': 'en' } })
    expect([page.status, page.headers['content-type']]).toEqual([403, 'text/html; charset=utf-8'])
    expect(page.text).toContain('lang="en"')
    expect((await app.send('/', { headers: { accept: '*/*' } })).body.error).toBe('FORBIDDEN')
  })

  test('gets its script under a name that may be kept for ever', async () => {
    const app = await openHttpApp()
    const script = await app.send('/assets/main-abc.js')
    expect([script.status, script.text]).toEqual([200, 'export {}\n'])
    expect(script.headers['content-type']).toContain('javascript')
    expect(script.headers['cache-control']).toMatch(/max-age=31536000.*immutable/)
  })
})
