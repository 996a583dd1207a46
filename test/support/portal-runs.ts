// Runs through the API with the session of a page in a portal's frame.
// Must stay true: the same requests that the page makes.
import type { RunSnapshot } from '../../server/core/run/run.ts'
import { openPortalApp, type PortalApp, type PortalAppOptions } from './portal-app.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
export const start = (app: PortalApp, session: string, body: object) =>
  app.api(session, '/api/runs', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })
export const act = (app: PortalApp, session: string, id: string, action: string) =>
  app.api(session, `/api/runs/${id}/${action}`, { method: 'POST' })
export const ended = async (app: PortalApp, session: string, id: string): Promise<RunSnapshot> => {
  await app.api(session, `/api/runs/${id}/progress`)
  return (await app.api(session, `/api/runs/${id}`)).body
}
export const create = (companies: number) => ({ kind: 'create', companies, contacts: companies })

export const openInstalled = async (options?: PortalAppOptions): Promise<PortalApp> => {
  const app = await openPortalApp(options)
  for (const portal of app.portals) await app.install(portal)
  return app
}
