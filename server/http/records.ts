// The API for the tables: pages of companies and contacts, read from the portal on demand.
// Must stay true: a page costs a fixed number of requests, whatever the portal holds, and none once its visitor has left.
import type Router from '@koa/router'
import type { EntityName } from '../core/entities.ts'
import { entities, entityNames } from '../core/entities.ts'
import type { ReadRecords } from '../core/shared-reads.ts'
import { pageQuery, parseInput } from './input.ts'
import type { SiteOf } from './site.ts'
import { visitorOf } from './visitor.ts'

export const recordsRoutes = (router: Router, siteOf: SiteOf, readRecords: ReadRecords): void => {
  const serve = (entity: EntityName): void => {
    router.get(`/api/${entities[entity].plural}`, async ctx => {
      const site = await siteOf(ctx)
      const { order, limit, after = null } = parseInput(pageQuery, ctx.query)
      ctx.body = await readRecords(site.channel, entity, { order, limit, after }, visitorOf(ctx))
    })
  }
  entityNames.forEach(serve)
}
