// The session of a page in a portal's frame: a short-lived signed token, sent as a bearer; no cookies (protocol.md, trap 44).
// Must stay true: only our own key and algorithm count; a session says who the person is on which portal, and nothing secret.
import { hkdfSync } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Opened } from '../core/application.ts'
import { sessionInvalid } from '../core/errors.ts'

const LIFE_MS = 15 * 60_000
/** A page that is left open is renewed for no longer: by then somebody else may sit before it. */
const LONGEST_MS = 12 * 3_600_000
const ALGORITHM = 'HS256'
const NAME = 'bitrixcorp'

export interface PageSession extends Opened {
  readonly name: string
  readonly admin: boolean
  /** Code of the placement that was opened. */
  readonly placement: string
  /** Of the company or contact that the page was opened on. */
  readonly recordId: number | null
}

export interface Sessions {
  /** `openedAt`: when the page was opened that goes on, unix ms; default: now. */
  issue(session: PageSession, openedAt?: number): Promise<string>
  /** @throws {AppError} SESSION_INVALID */
  read(token: string): Promise<PageSession & { readonly openedAt: number }>
  /** The same, however long ago its time was over. It opens nothing: who has it must prove the person anew. @throws {AppError} SESSION_INVALID */
  readOver(token: string): Promise<PageSession>
}

const claims = z.object({
  sub: z.string().regex(/^\d{1,15}$/),
  portal: z.string().regex(/^[0-9a-f]{32}$/),
  name: z.string(),
  admin: z.boolean(),
  placement: z.string(),
  record: z.int().nullable(),
  installed: z.int(),
  opened: z.int()
})

/** `now`: unix ms. */
export const createSessions = (appSecret: string, now: () => number): Sessions => {
  const key = new Uint8Array(hkdfSync('sha256', appSecret, '', 'bitrixcorp page sessions', 32))
  const readAt = async (token: string, currentDate: Date): Promise<PageSession & { openedAt: number }> => {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [ALGORITHM],
        issuer: NAME,
        audience: NAME,
        requiredClaims: ['exp', 'sub'],
        currentDate
      })
      const { sub, portal, name, admin, placement, record, installed, opened } = claims.parse(payload)
      const page = { name, admin, placement, recordId: record }
      return { memberId: portal, userId: sub, installedAt: installed, openedAt: opened, ...page }
    } catch {
      // Without the cause: it may hold the payload.
      throw sessionInvalid()
    }
  }
  return {
    issue: ({ memberId, userId, installedAt, name, admin, placement, recordId }, openedAt = now()) =>
      new SignJWT({
        portal: memberId,
        name,
        admin,
        placement,
        record: recordId,
        installed: installedAt,
        opened: openedAt
      })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
        .setIssuer(NAME)
        .setAudience(NAME)
        .setSubject(userId)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(Math.floor(Math.min(now() + LIFE_MS, openedAt + LONGEST_MS) / 1000))
        .sign(key),
    read: token => readAt(token, new Date(now())),
    readOver: token => readAt(token, new Date(0))
  }
}

/** The bearer of a request when it has the form of a session; the standalone secret has not. */
export const sessionOf = (ctx: Context): string | undefined =>
  /^Bearer +(eyJ[\w-]*\.[\w-]*\.[\w-]*)$/i.exec(ctx.get('Authorization'))?.[1]
