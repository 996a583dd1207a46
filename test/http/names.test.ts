// Whatever a record is called, and whatever a portal says about it: text in the page, in JSON, in event streams.
// Must stay true: the real templates answer here; what was stored is what is read out, unchanged.
import { beforeAll, describe, expect, test } from 'vitest'
import type { CompanyItem, ContactItem, RecordsPage } from '../../server/core/records.ts'
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { readEvents } from '../support/event-source.ts'
import { buildPage, openSite, type Site } from '../support/site.ts'

beforeAll(buildPage)

const NAMES = [
  '<script>alert(1)</script>',
  '</script><script>alert(1)</script>',
  '{{7*7}}{% raw %}#{7*7}',
  '"><img src=x onerror=alert(1)>',
  "'--><svg/onload=alert(1)>",
  '&lt;b&gt; &amp;amp;',
  'Я'.repeat(10_000),
  'חברה (א) \u202Etxt.exe',
  'data: 100\n\nevent: done\r\ndata: {}',
  '\u2028\u2029 {"error":"FORGED"}'
]

const openNamed = (): Promise<Site> =>
  openSite({
    portal: {
      seed: {
        companies: NAMES.map((TITLE, index) => ({ id: index + 1, fields: { TITLE } })),
        contacts: NAMES.map((LAST_NAME, index) => ({
          fields: { LAST_NAME, NAME: 'A', SECOND_NAME: LAST_NAME },
          companyIds: [index + 1]
        }))
      }
    }
  })

/** What a browser makes of a text without tags. */
const unescapeHtml = (html: string): string =>
  html.replace(/&(lt|gt|quot|amp|#39|#96);/g, (_, name: string) => {
    const found = { lt: '<', gt: '>', quot: '"', amp: '&', '#39': "'", '#96': '`' }[name]
    return found ?? ''
  })

const tables = async ({ origin }: Site) => {
  const read = async <T>(name: string) =>
    ((await (await fetch(`${origin}/api/${name}`)).json()) as RecordsPage<T>).items
  return { companies: await read<CompanyItem>('companies'), contacts: await read<ContactItem>('contacts') }
}

describe('names of records', () => {
  test('come out of the API as they are in the portal', async () => {
    const { companies, contacts } = await tables(await openNamed())
    expect(companies.map(({ title }) => title)).toEqual(NAMES)
    expect(companies.map(each => each.contacts.map(({ name }) => name))).toEqual(
      NAMES.map(name => [`${name} A ${name}`])
    )
    expect(contacts.map(({ lastName, secondName, company }) => [lastName, secondName, company?.title])).toEqual(
      NAMES.map(name => [name, name, name])
    )
  })

  test.each(['ru', 'en'])('are text in the %s page, in its rows and in the data for its script', async lang => {
    const site = await openNamed()
    const response = await fetch(`${site.origin}/?lang=${lang}`)
    expect(response.status).toBe(200)
    const html = await response.text()
    expect(html).toContain('{{7*7}}')
    // Every tag is one that the templates wrote: no name has become one.
    const scripts = html.match(/<script\b[^>]*>/gi) ?? []
    expect(scripts.length).toBeGreaterThan(0)
    for (const tag of scripts) expect(tag).toMatch(/ src="\/assets\/[\w.-]+"| type="application\/json"/)
    expect(html).not.toMatch(/<(img|svg)\b/i)
    // What stands in an attribute's quotes is text as well; a name that ended them would show here.
    expect(html.replace(/="[^"]*"/g, '')).not.toMatch(/<[^>]*\son\w+\s*=/i)

    const rows = /<tbody[^>]*data-part="rows"[^>]*>(.*?)<\/tbody>/s.exec(html)?.[1] ?? ''
    const cells = [...rows.matchAll(/<(\w+)[^>]*data-field="title"[^>]*>(.*?)<\/\1>/gs)].map(([, , text = '']) => text)
    expect(cells.map(unescapeHtml).map(text => text.trim())).toEqual(NAMES.map(name => name.trim()))

    const data = /<script[^>]*type="application\/json"[^>]*>(.*?)<\/script>/s.exec(html)?.[1] ?? ''
    expect(data).not.toMatch(/[<>&\u2028\u2029]/)
    const state = JSON.parse(data) as { companies: { items: CompanyItem[] }; contacts: { items: ContactItem[] } }
    const { companies, contacts } = await tables(site)
    expect(state.companies.items).toEqual(companies)
    expect(state.contacts.items).toEqual(contacts)
  })
})

test.each(NAMES.map(name => [name.slice(0, 40), name]))(
  'a portal that refuses rows with the words %j: text in the stream, the API and the page',
  async (_label, name) => {
    const site = await openSite()
    site.portal.state.refuse = (entity, action) => (entity === 'contact' && action === 'add' ? name : undefined)
    const events = await readEvents(`${site.origin}/bitrix/webhook/push-stream?count=2`)
    expect(events.filter(({ event }) => event === 'done')).toHaveLength(1)
    expect(events.at(-1)?.event).toBe('done')
    const { id, errors, failed } = JSON.parse(events.at(-1)?.data ?? '') as RunSnapshot
    expect(failed).toBe(2)
    const { message } = errors[0] ?? { message: '' }
    // Bitrix24 trims and may wrap its texts; the words stay, up to a sane length.
    expect(name.trim().startsWith(message.trim().slice(0, 20))).toBe(true)
    expect(message.length).toBeGreaterThan(0)
    expect(await (await fetch(`${site.origin}/api/runs/${id}`)).json()).toMatchObject({ errors })
    const html = await (await fetch(site.origin)).text()
    for (const tag of html.match(/<script\b[^>]*>/gi) ?? []) {
      expect(tag).toMatch(/ src="\/assets\/[\w.-]+"| type="application\/json"/)
    }
    expect(html).not.toMatch(/<(img|svg)\b/i)
    const data = /<script[^>]*type="application\/json"[^>]*>(.*?)<\/script>/s.exec(html)?.[1] ?? ''
    expect(JSON.parse(data)).toMatchObject({ run: { id, errors } })
  }
)
