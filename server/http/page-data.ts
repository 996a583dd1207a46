// What the page shows when it opens: both tables' first pages, the portal, the active or last run.
// Must stay true: the page opens within a bounded time, and says what is wrong when the portal does not answer.
import { portalSlow } from '../core/errors.ts'
import type { PageRequest } from '../core/records.ts'
import type { Runs } from '../core/run/runs.ts'
import type { ReadRecords } from '../core/shared-reads.ts'
import { toAppError } from './errors.ts'
import type { Site } from './site.ts'

/** The page does not wait longer than this for a portal. */
const PATIENCE_MS = 6000

export interface PageDataDeps {
  readonly runs: Runs
  readonly readRecords: ReadRecords
}

interface Problem {
  readonly code: string
  readonly message: string
}

/** What `read` finds in time, or why it finds nothing; then it is not waited for, and takes no more of the portal. */
const within = async <T>(
  visitor: AbortSignal,
  read: (reader: AbortSignal) => Promise<T>
): Promise<{ value: T } | { problem: Problem }> => {
  const late = AbortSignal.timeout(PATIENCE_MS)
  try {
    return { value: await read(AbortSignal.any([visitor, late])) }
  } catch (error) {
    const { code, message } = late.aborted ? portalSlow() : toAppError(error)
    return { problem: { code, message } }
  }
}

export const createPageData =
  ({ runs, readRecords }: PageDataDeps) =>
  /** `session`: the token for a page in a portal's frame; `ticket`: in the place of the secret for a page outside. */
  async (
    site: Site,
    lang: string,
    { session = null, ticket = null }: { readonly session?: string | null; readonly ticket?: string | null },
    visitor: AbortSignal
  ): Promise<Record<string, unknown>> => {
    const { channel, mode } = site
    const first: PageRequest = { after: null, limit: 50 }
    const [companies, contacts, run] = await Promise.all([
      within(visitor, reader => readRecords(channel, 'company', first, reader)),
      within(visitor, reader => readRecords(channel, 'contact', first, reader)),
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
