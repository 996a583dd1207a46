// An application in the desktop's frame, in real Chromium: it talks to the portal's page through the real SDK.
// Must stay true: the application has no help but the SDK; the browser says nothing on its console.
import type { Browser, Frame } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { launchChromium, type Visitor } from '../support/chromium.ts'
import { openAppServer } from './app-server.ts'
import { appFrame, COMPANY_MENU, inApp, look, openStage, type Stage } from './desktop-stage.ts'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser.close())

/** Opens the application's own page as the administrator. */
async function openOwnPage(set: Stage): Promise<Visitor & { readonly frame: Frame }> {
  const visitor = await look(browser, set, '/marketplace/app/2/')
  return { ...visitor, frame: await appFrame(visitor.page, set) }
}

describe('an application in the frame', () => {
  it('trap 42: is opened from a row with that row alone, by POST, without cookies, as the viewing person', async () => {
    const set = await openStage()
    const { page, messages } = await look(browser, set, '/crm/company/list/?user=2&lang=en')
    await page
      .getByRole('button', { name: /^Actions: / })
      .nth(1)
      .click()
    await page.getByRole('menuitem', { name: `Place ${COMPANY_MENU}` }).click()
    await page.getByRole('dialog', { name: 'Corporation' }).waitFor()
    const frame = await appFrame(page, set)
    const [arrival] = set.app.arrivals
    expect(arrival).toMatchObject({ type: 'application/x-www-form-urlencoded', cookie: undefined })
    expect(arrival?.fields).toMatchObject({
      PLACEMENT: COMPANY_MENU,
      PLACEMENT_OPTIONS: '{"ID":"2","URI":"\\/crm\\/company\\/list\\/"}'
    })
    const sid = arrival?.query.get('APP_SID')
    expect(await inApp(frame, ({ name }) => name)).toBe(`${set.portal.host}|0|${sid}`)
    expect(await page.locator('.slider iframe').getAttribute('sandbox')).toBeNull()
    expect(await page.locator('.slider iframe').getAttribute('allow')).toBe(
      'geolocation *; microphone *; camera *; autoplay *;'
    )
    expect(
      await inApp(frame, async ({ b24 }) => ({
        options: b24.placement.options,
        lang: b24.getLang(),
        admin: b24.auth.isAdmin,
        profile: (await b24.actions.v2.call.make({ method: 'profile' })).getData()?.result
      }))
    ).toMatchObject({
      options: { ID: '2', URI: '/crm/company/list/' },
      lang: 'en',
      admin: false,
      profile: { ID: '2', ADMIN: false }
    })
    expect(messages).toEqual([])
  })

  it('traps 12 and 46: starts with the SDK, calls, and renews an expired token through the page', async () => {
    const set = await openStage()
    const { frame, messages } = await openOwnPage(set)
    const call = () =>
      inApp(frame, async ({ b24 }) => {
        const answer = await b24.actions.v2.call.make<{ TITLE: string }[]>({
          method: 'crm.company.list',
          params: { select: ['TITLE'] }
        })
        return answer.getData()?.result.length
      })
    expect(await call()).toBe(50 / 2)
    set.portal.applications.expireTokens(set.clientId)
    expect(await call()).toBe(25)
    expect(
      await inApp(frame, async ({ b24 }) => {
        const old = b24.auth.getAuthData()
        const fresh = await b24.auth.refreshAuth()
        return [fresh.member_id, old !== false && old.access_token !== fresh.access_token]
      })
    ).toEqual([set.portal.memberId, true])
    expect(set.portal.authorization.stats.requests).toBe(0)
    expect(messages.filter(text => !text.includes('401 (Unauthorized)'))).toEqual([])
  })

  it('trap 44: on another site never sees its SameSite=Lax cookie again', async () => {
    const app = await openAppServer('app.localhost')
    const set = await openStage({ handlerUrl: `${app.origin}/placement` }, app)
    const { page, frame, messages } = await openOwnPage(set)
    expect(await inApp(frame, async ({ b24 }) => (await b24.auth.refreshAuth()).member_id)).toBe(set.portal.memberId)
    await page.reload()
    await appFrame(page, set)
    expect(app.arrivals.map(({ cookie }) => cookie)).toEqual([undefined, undefined])
    expect(messages).toEqual([])
  })

  it('sets the title and the size of its own page, and keeps options', async () => {
    const set = await openStage()
    const { page, frame, messages } = await openOwnPage(set)
    await inApp(frame, ({ b24 }) => b24.parent.setTitle('Новое имя'))
    await page.getByRole('heading', { name: 'Новое имя' }).waitFor()
    expect(await page.title()).toBe('Новое имя')
    expect(await inApp(frame, ({ b24 }) => b24.parent.fitWindow())).toMatchObject({
      height: expect.toSatisfy((height: number) => height >= 700)
    })
    expect((await page.locator('#application iframe').boundingBox())?.height).toBeGreaterThanOrEqual(700)
    await inApp(frame, ({ b24 }) => b24.options.userSet('theme', 'dark'))
    await inApp(frame, ({ b24 }) => b24.options.appSet('count', '100'))
    await page.reload()
    const again = await appFrame(page, set)
    expect(await inApp(again, ({ b24 }) => [b24.options.userGet('theme'), b24.options.appGet('count')])).toEqual([
      'dark',
      '100'
    ])
    expect(messages).toEqual([])
  })

  it('trap 45: cannot set the title from a placement: the page ignores it silently', async () => {
    const set = await openStage()
    const { page, messages } = await look(browser, set, '/')
    await page.getByRole('button', { name: 'Место LEFT_MENU' }).click()
    const frame = await appFrame(page, set)
    // The SDK gives up waiting by itself and calls that safe (sdk.md, 5).
    expect(await inApp(frame, ({ b24 }) => b24.parent.setTitle('Чужое имя'))).toEqual({ isSafely: true })
    expect(await inApp(frame, ({ b24 }) => b24.parent.scrollParentWindow(5))).toEqual({ isSafely: true })
    await page.getByRole('dialog', { name: 'Корпорация' }).waitFor()
    expect(await page.title()).toBe('Эмулятор Битрикс24')
    expect(await inApp(frame, ({ b24 }) => b24.parent.fitWindow())).toHaveProperty('height')
    expect(messages).toEqual([])
  })

  it('trap 47: opens records in a slider by the disguised paths of the SDK, and nothing that is not allowed', async () => {
    const set = await openStage()
    const { page, frame, messages } = await openOwnPage(set)
    const title = set.portal.state.records('company')[0]?.values.TITLE ?? ''
    const closed = inApp(frame, ({ b24 }) => b24.slider.openPath(b24.slider.getUrl('/crm/company/details/1/'), 950))
    await page.getByRole('dialog', { name: title }).waitFor()
    expect(page.frames().at(-1)?.url()).toContain(`/crm/company/details/1/?`)
    expect(page.frames().at(-1)?.url()).toContain(`from_app=${set.clientId}`)
    await page.getByRole('button', { name: 'Закрыть' }).click()
    expect(await closed).toMatchObject({ isClose: true })
    await inApp(frame, ({ told, name }) => {
      told.length = 0
      parent.postMessage(`openPath:{"path":"/desktop/"}:cb7:${name.split('|')[2]}`, '*')
    })
    await vi.waitFor(async () =>
      expect(await inApp(frame, ({ told }) => told)).toEqual([
        'cb7:{"result":"error","errorCode":"PATH_NOT_AVAILABLE"}'
      ])
    )
    expect(messages).toEqual([])
  })

  it('opens itself once more in a slider, and closes it', async () => {
    const set = await openStage()
    const { page, frame, messages } = await openOwnPage(set)
    await inApp(frame, ({ b24 }) => b24.parent.closeApplication().then.length) // not in a slider: nothing happens
    const closed = inApp(frame, ({ b24 }) => b24.slider.openSliderAppPage({ run: '7', bx24_title: 'Ход работы' }))
    await page.getByRole('dialog', { name: 'Ход работы' }).waitFor()
    const second = await appFrame(page, set)
    expect(second).not.toBe(frame)
    expect(await inApp(second, ({ b24 }) => b24.placement.options)).toMatchObject({ run: '7' })
    await inApp(second, ({ b24 }) => {
      void b24.parent.closeApplication()
    })
    await closed
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(messages).toEqual([])
  })

  it('speaks the classic strings, and hears nothing with a wrong APP_SID or from a wrong origin', async () => {
    const set = await openStage()
    const { page, frame, messages } = await openOwnPage(set)
    await inApp(frame, ({ told, name }) => {
      told.length = 0
      const sid = name.split('|')[2]
      parent.postMessage(`setTitle:{"title":"a:b"}:cb_0:${'0'.repeat(32)}`, '*')
      parent.postMessage('no protocol', '*')
      parent.postMessage(`setTitle:{broken:cb_0:${sid}`, '*')
      parent.postMessage(`no.such.command::cb_0:${sid}`, '*')
      parent.postMessage(`setTitle:{"title":"c:d"}::${sid}`, '*')
      parent.postMessage({ method: 'setScroll', params: { scroll: 0 }, callback: 'cb_2', appSid: sid }, '*')
      parent.postMessage(`getInitData::cb_1:${sid}`, '*')
    })
    await vi.waitFor(async () => expect(await inApp(frame, ({ told }) => told.length)).toBe(2))
    const told = await inApp(frame, ({ told: texts }) => texts)
    expect(told[0]).toBe('cb_2:{"scroll":0}')
    expect(JSON.parse(told[1]?.slice('cb_1:'.length) ?? '')).toMatchObject({
      LANG: 'ru',
      DOMAIN: set.portal.host,
      PROTOCOL: 0,
      PATH: '/rest',
      AUTH_EXPIRES: '3600',
      MEMBER_ID: set.portal.memberId,
      IS_ADMIN: true,
      INSTALL: false,
      USER_OPTIONS: [],
      APP_OPTIONS: [],
      PLACEMENT: 'DEFAULT',
      PLACEMENT_OPTIONS: []
    })
    expect(told[1]).not.toContain('FIRST_RUN')
    expect(await page.title()).toBe('c:d')
    // From the portal's own origin, with the right SID: still not the application's.
    await page.evaluate(() => {
      const sid = document.querySelector('iframe')?.name.split('|')[2]
      window.postMessage(`setTitle:{"title":"from elsewhere"}::${sid}`, '*')
    })
    await inApp(frame, ({ b24 }) => b24.parent.scrollParentWindow(0))
    expect(await page.title()).toBe('c:d')
    expect(messages).toEqual([])
  })

  it('reads a list anew on reloadData', async () => {
    const set = await openStage()
    const { page, messages } = await look(browser, set, '/crm/company/list/')
    await page
      .getByRole('button', { name: /^Действия: / })
      .first()
      .click()
    await page.getByRole('menuitem', { name: `Место ${COMPANY_MENU}` }).click()
    const frame = await appFrame(page, set)
    expect(await inApp(frame, ({ b24 }) => b24.placement.getInterface())).toMatchObject({ command: ['reloadData'] })
    for (const { id } of set.portal.state.records('company').slice(3)) set.portal.state.remove('company', id)
    await inApp(frame, ({ b24 }) => b24.placement.call('reloadData'))
    await vi.waitFor(async () =>
      expect(await page.getByRole('table', { name: 'Компании', includeHidden: true }).getByRole('row').count()).toBe(4)
    )
    expect(messages).toEqual([])
  })
})
