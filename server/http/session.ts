// The session of a page in a portal's frame: a short-lived signed token, sent as a bearer; no cookies (protocol.md, trap 44).
// Must stay true: only our own key and algorithm count; a session says who the person is on which portal, and nothing secret.
import { hkdfSync } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import type { Context } from 'koa'
import { z } from 'zod'
import { sessionInvalid } from '../core/errors.ts'

const SECONDS = 15 * 60
const ALGORITHM = 'HS256'
const NAME = 'bitrixcorp'

export interface PageSession {
  /** The portal. */
  readonly memberId: string
  readonly userId: string
  readonly name: string
  readonly admin: boolean
  /** Code of the placement that was opened. */
  readonly placement: string
  /** Of the company or contact that the page was opened on. */
  readonly recordId: number | null
}

export interface Sessions {
  issue(session: PageSession): Promise<string>
  /** @throws {AppError} SESSION_INVALID */
  read(token: string): Promise<PageSession>
}

const claims = z.object({
  sub: z.string().regex(/^\d{1,15}$/),
  portal: z.string().regex(/^[0-9a-f]{32}$/),
  name: z.string(),
  admin: z.boolean(),
  placement: z.string(),
  record: z.int().nullable()
})

/** `now`: unix ms. */
export const createSessions = (appSecret: string, now: () => number): Sessions => {
  const key = new Uint8Array(hkdfSync('sha256', appSecret, '', 'bitrixcorp page sessions', 32))
  return {
    issue: ({ memberId, userId, name, admin, placement, recordId }) =>
      new SignJWT({ portal: memberId, name, admin, placement, record: recordId })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
        .setIssuer(NAME)
        .setAudience(NAME)
        .setSubject(userId)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(Math.floor(now() / 1000) + SECONDS)
        .sign(key),
    async read(token) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          issuer: NAME,
          audience: NAME,
          requiredClaims: ['exp', 'sub'],
          currentDate: new Date(now())
        })
        const { sub, portal, name, admin, placement, record } = claims.parse(payload)
        return { memberId: portal, userId: sub, name, admin, placement, recordId: record }
      } catch {
        // Without the cause: it may hold the payload.
        throw sessionInvalid()
      }
    }
  }
}

/** The bearer of a request when it has the form of a session; the standalone secret has not. */
export const sessionOf = (ctx: Context): string | undefined =>
  /^Bearer +(eyJ[\w-]*\.[\w-]*\.[\w-]*)$/i.exec(ctx.get('Authorization'))?.[1]
