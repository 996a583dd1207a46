// The standalone secret: who knows it, and what wrong guesses cost.
// Must stay true: it is compared in constant time and never repeated; a guess that is not counted is not compared.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Context } from 'koa'
import { forbidden } from '../core/errors.ts'
import type { Log } from '../log.ts'
import type { Secret } from './guard.ts'
import { createGuesses } from './guesses.ts'
import { oneLineASecond } from './refusals.ts'
import { sessionOf } from './session.ts'

/** Requests that are held at once, of all addresses: those beyond are refused at once. */
const MOST_HELD = 1000
/** A page that is open for longer has to be opened anew. */
const TICKET_MS = 7 * 24 * 3_600_000
const TICKET = /^page\.([0-9a-z]{1,11})\.([\w-]{43})$/

export interface SecretGate {
  /** No secret is set. */
  readonly isOpen: boolean
  /** True when a secret is set, and the request carries it or a page's ticket. A wrong one is counted, and answered late. */
  carries(ctx: Context): Promise<boolean>
  /** Where a secret is set, the request must carry it. @throws {AppError} FORBIDDEN */
  demand(ctx: Context): Promise<void>
  /** For a page that was opened with the secret: as good as that, but it ends. Null where none is set. */
  ticket(): string | null
}

export interface SecretGateDeps {
  readonly secret: Secret | undefined
  readonly log: Log
  /** Unix ms. */
  readonly now: () => number
}

const digest = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest()

/** By query, as a bearer, or in the form of the page. */
const givenIn = (ctx: Context): (string | Buffer)[] => {
  const { body } = ctx.request
  const form: unknown = ctx.is('urlencoded') === 'urlencoded' ? Object(body)['secret'] : undefined
  const bearer = sessionOf(ctx) === undefined ? /^Bearer +(.+)$/i.exec(ctx.get('Authorization'))?.[1] : undefined
  const texts = [ctx.query['secret'], form].filter(text => typeof text === 'string' && text !== '') as string[]
  // Node reads header bytes as latin1; the secret is UTF-8.
  return bearer === undefined ? texts : [...texts, Buffer.from(bearer, 'latin1')]
}

export const createSecretGate = ({ secret, log, now }: SecretGateDeps): SecretGate => {
  const guesses = createGuesses(() => performance.now())
  const line = oneLineASecond()
  let held = 0
  const signature = (ends: string): string =>
    createHmac('sha256', `bitrixcorp page ticket ${secret?.reveal()}`).update(ends).digest('base64url')

  const isTicket = (given: string): boolean => {
    const [, ends = '', signed = ''] = TICKET.exec(given) ?? []
    return timingSafeEqual(digest(signed), digest(signature(ends))) && Number.parseInt(ends, 36) > now()
  }
  const isSecret = (given: string | Buffer): boolean =>
    secret !== undefined && timingSafeEqual(digest(given), digest(secret.reveal()))

  const carries: SecretGate['carries'] = async ctx => {
    const given = secret === undefined ? [] : givenIn(ctx)
    if (given.length === 0) return false
    // Not guessed: nothing is slow for a page that is open, whoever guesses beside it.
    if (given.some(each => isTicket(String(each)))) return true
    const address = ctx.socket.remoteAddress ?? ''
    if (!guesses.isFlooded(address) && given.some(isSecret)) return true
    line(unlogged => log.warn({ address, unlogged }, 'a wrong secret was refused'))
    const ms = guesses.wrong(address)
    if (held >= MOST_HELD) return false
    held += 1
    await wait(ms, undefined, { ref: false })
    held -= 1
    return false
  }
  return {
    isOpen: secret === undefined,
    carries,
    async demand(ctx) {
      if (secret === undefined || (await carries(ctx))) return
      throw forbidden(
        'The secret is missing or wrong. Send it as "Authorization: Bearer …" or as ?secret=… (BITRIX_WEBHOOK_SECRET).',
        givenIn(ctx).length === 0 ? 'secret' : 'wrong'
      )
    },
    ticket() {
      if (secret === undefined) return null
      const ends = (now() + TICKET_MS).toString(36)
      return `page.${ends}.${signature(ends)}`
    }
  }
}
