// placement.* and the options of applications, as a client sees them.
// Must stay true: the errors are those of the rest module's source (protocol.md, 5.6 and 6.6), over HTTP with tokens.
import { describe, expect, it } from 'vitest'
import type { EmulatedPortalOptions } from '../../emulator/emulated-portal.ts'
import { call, openPortal, post } from './portal-client.ts'

const HANDLER = 'http://127.0.0.1:9/placement'

async function openApplication(options: EmulatedPortalOptions = {}, scope = ['crm', 'placement']) {
  const portal = await openPortal(options)
  const title = { ru: 'Приложение', en: 'Application' }
  const { clientId } = portal.registerApplication({ handlerUrl: HANDLER, title, scope })
  const as =
    (person: number) =>
    async (method: string, params: object = {}) => {
      const auth = portal.applications.issueTokens(clientId, person).access_token
      const { status, body } = await post(`${portal.origin}/rest/${method}`, JSON.stringify({ ...params, auth }))
      return body.error === undefined ? (body.result as unknown) : { status, ...body }
    }
  return { portal, clientId, admin: as(1), user: as(2) }
}

describe('placement.bind', () => {
  it('binds, lists and unbinds with a doubled count (trap 24)', async () => {
    const { admin } = await openApplication()
    const langAll = { ru: { TITLE: 'Заполнить' }, en: { TITLE: 'Fill' } }
    const wanted = { PLACEMENT: 'CRM_COMPANY_LIST_MENU', HANDLER, TITLE: 'Fill', LANG_ALL: langAll }
    expect(await admin('placement.bind', wanted)).toBe(true)
    expect(await admin('placement.bind', { placement: 'LEFT_MENU', handler: HANDLER })).toBe(true)
    expect(await admin('placement.bind', { ...wanted, HANDLER: `${HANDLER}/2` })).toBe(true)
    const shape = { userId: 0, handler: HANDLER, options: [], title: '', description: '', langAll: [] }
    expect(await admin('placement.get')).toEqual([
      { ...shape, placement: 'CRM_COMPANY_LIST_MENU', title: 'Fill', langAll },
      { ...shape, placement: 'LEFT_MENU' },
      { ...shape, placement: 'CRM_COMPANY_LIST_MENU', title: 'Fill', langAll, handler: `${HANDLER}/2` }
    ])
    expect(await admin('placement.unbind', { PLACEMENT: 'LEFT_MENU', HANDLER })).toEqual({ count: 2 })
    expect(await admin('placement.unbind', { PLACEMENT: 'CRM_COMPANY_LIST_MENU' })).toEqual({ count: 4 })
    expect(await admin('placement.unbind', { PLACEMENT: 'NO_SUCH_PLACE', HANDLER })).toEqual({ count: 0 })
    expect(await admin('placement.get')).toEqual([])
  })

  it('trap 23: binding again is an error', async () => {
    const { admin } = await openApplication()
    const wanted = { PLACEMENT: 'LEFT_MENU', HANDLER }
    expect(await admin('placement.bind', wanted)).toBe(true)
    expect(await admin('placement.bind', wanted)).toMatchObject({
      status: 400,
      error: 'ERROR_CORE',
      error_description: 'Unable to set placement handler: Handler already binded'
    })
  })

  it('refuses unknown places, missing arguments, wrong handlers, and one person alone where that is not meant', async () => {
    const { admin } = await openApplication()
    const bind = (more: object) => admin('placement.bind', { PLACEMENT: 'CRM_ANALYTICS_MENU', HANDLER, ...more })
    expect(await bind({ PLACEMENT: 'NO_SUCH_PLACE' })).toMatchObject({
      status: 400,
      error: 'ERROR_PLACEMENT_NOT_FOUND',
      error_description: 'Placement not found'
    })
    expect(await bind({ HANDLER: '' })).toMatchObject({ status: 400, error: 'ERROR_ARGUMENT', argument: 'HANDLER' })
    expect(await bind({ PLACEMENT: null })).toMatchObject({
      status: 400,
      error: 'ERROR_ARGUMENT',
      argument: 'PLACEMENT'
    })
    expect(await bind({ HANDLER: 'http://localhost:9/x' })).toMatchObject({
      status: 400,
      error: 'ERROR_WRONG_HANDLER_URL',
      error_description: 'Wrong handler URL'
    })
    expect(await bind({ HANDLER: 'no address' })).toMatchObject({ status: 400, error: 'ERROR_WRONG_HANDLER_URL' })
    expect(await bind({ HANDLER: 'ftp://app.example/' })).toMatchObject({
      status: 400,
      error: 'ERROR_UNSUPPORTED_PROTOCOL'
    })
    expect(await bind({ USER_ID: 2 })).toMatchObject({ status: 400, error: 'ERROR_PLACEMENT_USER_MODE' })
    expect(await admin('placement.get')).toEqual([])
    for (const handler of ['http://127.0.0.1:9/x', 'http://app.localhost/x', 'https://app.example/x']) {
      expect(await bind({ HANDLER: handler })).toBe(true)
    }
  })

  it('needs an application, an administrator and the scopes', async () => {
    const { portal, admin, user } = await openApplication()
    const wanted = { PLACEMENT: 'LEFT_MENU', HANDLER }
    for (const method of ['bind', 'unbind', 'get', 'list']) {
      const { status, body } = await call(portal, `placement.${method}`, wanted)
      expect([status, body.error, body.error_description]).toEqual([
        403,
        'WRONG_AUTH_TYPE',
        'Current authorization type is denied for this method Application context required'
      ])
    }
    expect(await user('placement.bind', wanted)).toMatchObject({
      status: 403,
      error: 'ACCESS_DENIED',
      error_description: 'Access denied!'
    })
    await admin('placement.bind', wanted)
    expect(await user('placement.unbind', wanted)).toMatchObject({ status: 403, error: 'ACCESS_DENIED' })
    const noPlacement = await openApplication({}, ['crm'])
    expect(await noPlacement.admin('placement.bind', wanted)).toMatchObject({
      status: 401,
      error: 'insufficient_scope'
    })
    const noCrm = await openApplication({}, ['placement'])
    const inCrm = { ...wanted, PLACEMENT: 'CRM_ANALYTICS_MENU' }
    expect(await noCrm.admin('placement.bind', inCrm)).toMatchObject({
      status: 400,
      error: 'ERROR_PLACEMENT_NOT_FOUND'
    })
    expect(await noCrm.admin('placement.list')).not.toContain('CRM_ANALYTICS_MENU')
  })

  it('knows only the places that the portal is set to offer', async () => {
    const { portal, admin } = await openApplication({ placements: ['LEFT_MENU', 'CRM_COMPANY_LIST_MENU'] })
    expect(await admin('placement.list')).toEqual(['CRM_COMPANY_LIST_MENU', 'LEFT_MENU'])
    expect(await admin('placement.list', { SCOPE: 'crm' })).toEqual(['CRM_COMPANY_LIST_MENU'])
    expect(await admin('placement.bind', { PLACEMENT: 'CRM_ANALYTICS_MENU', HANDLER })).toMatchObject({
      status: 400,
      error: 'ERROR_PLACEMENT_NOT_FOUND'
    })
    portal.configure({ placements: undefined })
    expect(await admin('placement.bind', { PLACEMENT: 'CRM_ANALYTICS_MENU', HANDLER })).toBe(true)
  })

  it('keeps applications and portals apart', async () => {
    const one = await openApplication()
    const other = one.portal.registerApplication({
      handlerUrl: HANDLER,
      title: { ru: 'Другое', en: 'Other' },
      scope: ['crm', 'placement']
    })
    await one.admin('placement.bind', { PLACEMENT: 'LEFT_MENU', HANDLER })
    expect(one.portal.applications.placements(one.clientId)).toHaveLength(1)
    expect(one.portal.applications.placements(other.clientId)).toEqual([])
  })
})

describe('options and features', () => {
  it('are kept by application and person; only an administrator sets those of the application', async () => {
    const { portal, admin, user } = await openApplication()
    expect(await admin('app.option.get')).toEqual([])
    expect(await admin('app.option.set', { options: { a: '1', b: '2' } })).toBe(true)
    expect(await user('app.option.get', { option: 'a' })).toBe('1')
    expect(await user('app.option.get', { option: 'none' })).toBe('')
    expect(await user('app.option.set', { options: { a: '3' } })).toMatchObject({ status: 403, error: 'ACCESS_DENIED' })
    expect(await user('user.option.set', { options: { mine: 'x' } })).toBe(true)
    expect(await user('user.option.get')).toEqual({ mine: 'x' })
    expect(await admin('user.option.get')).toEqual([])
    expect(await admin('user.option.set')).toMatchObject({ status: 400, error: 'ERROR_ARGUMENT' })
    const byWebhook = await call(portal, 'app.option.get')
    expect([byWebhook.status, byWebhook.body.error_description]).toEqual([
      403,
      'Access denied! Application context required'
    ])
  })

  it('feature.get depends on the plan, app.info on the application', async () => {
    const { admin, clientId } = await openApplication()
    const enterprise = await openApplication({ plan: 'enterprise' })
    const wanted = { CODE: 'rest_offline_extended' }
    expect(await admin('feature.get')).toMatchObject({ status: 400, error: 'CODE_EMPTY' })
    expect([await admin('feature.get', wanted), await enterprise.admin('feature.get', wanted)]).toEqual([
      { value: 'N' },
      { value: 'Y' }
    ])
    expect(await admin('app.info')).toMatchObject({ CODE: clientId, INSTALLED: true, STATUS: 'L' })
  })
})
