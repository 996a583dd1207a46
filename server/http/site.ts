// What the routes of a standalone site work with.
// Must stay true: a route gets its portal from here and nowhere else.
import type { Context } from 'koa'
import type { Channel } from '../core/channel.ts'
import { notFound } from '../core/errors.ts'
import type { RunRecord, RunSnapshot, StartedBy } from '../core/run.ts'
import type { Runs } from '../core/runs.ts'
import { parseInput, runIdParam } from './input.ts'

export interface Site {
  readonly channel: Channel
  readonly mode: 'webhook' | 'emulated'
}

export const standaloneUser: StartedBy = { userId: null, name: 'standalone' }

/** A run of this site's portal; others do not exist here. @throws {AppError} NOT_FOUND */
export const findRun = async (
  runs: Runs,
  site: Site,
  runId: string
): Promise<{ readonly record: RunRecord; readonly snapshot: RunSnapshot }> => {
  const found = await runs.find(runId)
  if (found === undefined || found.record.portalId !== site.channel.portal.id) {
    throw notFound('There is no such run. GET /api/runs lists those that there are.')
  }
  return found
}

/** The run that the path names. @throws {AppError} INVALID_INPUT, NOT_FOUND */
export const runOfPath = (runs: Runs, site: Site, ctx: Context & { params: Record<string, string> }) =>
  findRun(runs, site, parseInput(runIdParam, ctx.params['id']))
