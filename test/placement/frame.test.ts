// When the page takes itself for a frame of a portal, and how long it waits for one.
// Must stay true: only a name of the portal's form counts; silence is an error with a code.
import { expect, test } from 'vitest'
import { answered, portalProtocol } from '../../placement/frame.ts'
import { cardPath, wantsOwnTab } from '../../placement/record-links.ts'

test('only a window with the name of a portal frame has a portal around it', () => {
  const sid = '926d17365a87fbb35bace60dcc8f08cf'
  expect(portalProtocol(`portal.bitrix24.com|1|${sid}`)).toBe('https')
  expect(portalProtocol(`127.0.0.1:8024|0|${sid}`)).toBe('http')
  for (const name of ['', 'main', `|1|${sid}`, `portal|2|${sid}`, 'portal|1|', `portal|1|${sid}|x`, `a b|1|${sid}`]) {
    expect(portalProtocol(name), name).toBeNull()
  }
})

test('an answer comes through; silence and refusal are the same readable error', async () => {
  expect(await answered(Promise.resolve(7), 60_000)).toBe(7)
  const silent = { code: 'FRAME_SILENT', status: 0 }
  await expect(answered(new Promise(() => undefined), 1)).rejects.toMatchObject(silent)
  await expect(answered(Promise.reject(new Error('JSSDK_FRAME_BAD_PAYLOAD')), 60_000)).rejects.toMatchObject(silent)
})

test('a plain click opens a card over the page; every other click is the browser’s', () => {
  const plain = { button: 0, ctrlKey: false, metaKey: false, shiftKey: false }
  expect(wantsOwnTab(plain)).toBe(false)
  for (const more of [{ button: 1 }, { ctrlKey: true }, { metaKey: true }, { shiftKey: true }]) {
    expect(wantsOwnTab({ ...plain, ...more })).toBe(true)
  }
  expect(cardPath('contact', 12)).toBe('/crm/contact/details/12/')
})
