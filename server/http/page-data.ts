// What the page shows when it opens: both tables' first pages, the portal, the active or last run.
// Must stay true: the page opens within a bounded time, and says what is wrong when the portal does not answer.
import type { Channel } from '../core/channel.ts'
import type { EntityName } from '../core/entities.ts'
import type { PageRequest, RecordItems, RecordsPage } from '../core/records.ts'
import type { Runs } from '../core/run/runs.ts'
import { toAppError } from './errors.ts'
import type { Site } from './site.ts'

/** The page does not wait longer than this for a portal. */
const PATIENCE_MS = 6000

export type ReadRecords = <E extends EntityName>(
  channel: Channel,
  entity: E,
  page: PageRequest
) => Promise<RecordsPage<RecordItems[E]>>

export interface PageDataDeps {
  readonly runs: Runs
  readonly readRecords: ReadRecords
}

interface Problem {
  readonly code: string
  readonly message: string
}

const tooSlow: Problem = {
  code: 'PORTAL_SLOW',
  message: 'The portal has not answered in time. Reload the page in a moment.'
}

const within = async <T>(promise: Promise<T>): Promise<{ value: T } | { problem: Problem }> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<{ problem: Problem }>(resolve => {
    timer = setTimeout(() => resolve({ problem: tooSlow }), PATIENCE_MS)
  })
  const found = promise.then(
    value => ({ value }),
    error => {
      const { code, message } = toAppError(error)
      return { problem: { code, message } }
    }
  )
  return Promise.race([found, late]).finally(() => clearTimeout(timer))
}

export const createPageData =
  ({ runs, readRecords }: PageDataDeps) =>
  /** `session`: the token for a page in a portal's frame; `ticket`: in the place of the secret for a page outside. */
  async (
    site: Site,
    lang: string,
    { session = null, ticket = null }: { readonly session?: string | null; readonly ticket?: string | null }
  ): Promise<Record<string, unknown>> => {
    const { channel, mode } = site
    const first: PageRequest = { after: null, limit: 50 }
    const [companies, contacts, run] = await Promise.all([
      within(readRecords(channel, 'company', first)),
      within(readRecords(channel, 'contact', first)),
      runs.latest(channel.portal.id)
    ])
    const shown = {
      lang,
      portal: { host: channel.portal.host, mode },
      companies: 'value' in companies ? companies.value : null,
      contacts: 'value' in contacts ? contacts.value : null,
      run: run ?? null,
      session,
      ticket,
      admin: site.admin,
      user: site.session === null ? null : { id: site.session.userId, name: site.session.name },
      placement: site.session === null ? null : { code: site.session.placement, recordId: site.session.recordId },
      problem: 'problem' in companies ? companies.problem : 'problem' in contacts ? contacts.problem : null
    }
    return { ...shown, state: shown }
  }
