// Events of the application's life, posted by Bitrix24's servers.
// Must stay true: the answer is always the same and comes first; only an event that proves itself changes anything.
import type Router from '@koa/router'
import { readEvent } from '../bitrix24/handshake.ts'
import type { Log } from '../log.ts'
import type { ApplicationDoor } from './site.ts'

export interface EventsRoutesDeps {
  readonly door: ApplicationDoor
  readonly log: Log
}

export const eventsRoutes = (router: Router, { door, log }: EventsRoutesDeps): void => {
  router.post('/events', ctx => {
    const event = readEvent(ctx.request.body)
    ctx.status = 200
    ctx.body = ''
    if (event === undefined) return
    ctx.res.once('close', () => {
      // A refused event is nothing to worry about: anyone can post one.
      door.application.receive(event).catch(error => {
        log.warn({ err: error, event: event.event, portal: event.memberId }, 'event not obeyed')
      })
    })
  })
}
