// The POSTs that Bitrix24 makes to us: install, placement, event. Wire names end here (protocol.md, 5.3 to 5.5).
// Must stay true: parses and believes nothing; whatever is not the claim itself may be missing or empty; no message repeats what was sent.
import { z } from 'zod'
import type { Handshake, PortalEvent } from '../core/application.ts'

const hex = z.string().regex(/^[0-9a-f]{32}$/i)
/** 70 hex digits as observed; taken as opaque. */
const token = z.string().regex(/^[\x21-\x7e]{8,512}$/)
const host = z.string().min(1).max(260)
const address = z.string().max(500)
/** `.optional()` stands outside, too: zod takes a key for required unless the schema itself says otherwise. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess(value => (value === '' ? undefined : value), schema.optional()).optional()
/** Seconds. A made-up life cannot be long: the portal's own is an hour. */
const life = optional(z.coerce.number().int().min(0).max(86_400))
  .catch(undefined)
  .transform(seconds => seconds ?? 3600)

const query = z.object({ DOMAIN: host })

const form = z.object({
  AUTH_ID: token,
  REFRESH_ID: token,
  AUTH_EXPIRES: life,
  SERVER_ENDPOINT: optional(address),
  APPLICATION_TOKEN: optional(z.string().regex(/^[\w-]{8,128}$/)),
  member_id: hex,
  PLACEMENT: z
    .string()
    .regex(/^[A-Z0-9_]{1,64}$/)
    .catch('DEFAULT'),
  PLACEMENT_OPTIONS: z.unknown().optional()
})

const optionValue = z.union([z.string(), z.number()]).transform(value => String(value).slice(0, 500))

/** JSON text of a map; PHP prints an empty one as `[]`, and the field is missing when there are none (trap 16). */
const readOptions = (text: unknown): Record<string, string> => {
  if (typeof text !== 'string' || text.length > 10_000) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return {}
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {}
  const pairs = Object.entries(value).flatMap(([name, each]) => {
    const parsed = optionValue.safeParse(each)
    return parsed.success ? [[name, parsed.data] as const] : []
  })
  return Object.fromEntries(pairs)
}

/** A page opening: its query and form body. Undefined when it is none. */
export const readHandshake = (queryPart: unknown, body: unknown): Handshake | undefined => {
  const where = query.safeParse(queryPart)
  const what = form.safeParse(body)
  if (!where.success || !what.success) return undefined
  const { data } = what
  return {
    domain: where.data.DOMAIN,
    memberId: data.member_id.toLowerCase(),
    accessToken: data.AUTH_ID,
    refreshToken: data.REFRESH_ID,
    expiresIn: data.AUTH_EXPIRES,
    serverEndpoint: data.SERVER_ENDPOINT,
    applicationToken: data.APPLICATION_TOKEN,
    placement: data.PLACEMENT,
    options: readOptions(data.PLACEMENT_OPTIONS)
  }
}

const seconds = z.coerce.number().int().positive().max(9_999_999_999)

/** Every value is a string; token fields are missing when nobody acted (trap 21). */
const event = z.object({
  event: z
    .string()
    .toUpperCase()
    .pipe(z.enum(['ONAPPINSTALL', 'ONAPPUNINSTALL'])),
  ts: optional(seconds),
  data: z.object({ CLEAN: z.string().optional() }).catch({}),
  auth: z.object({
    member_id: hex,
    application_token: optional(z.string().max(128)),
    domain: optional(host),
    access_token: optional(token),
    refresh_token: optional(token),
    expires_in: life,
    server_endpoint: optional(address)
  })
})

/** An event of the application's life. Undefined for everything else. */
export const readEvent = (body: unknown): PortalEvent | undefined => {
  const parsed = event.safeParse(body)
  if (!parsed.success) return undefined
  const { event: name, ts, data, auth } = parsed.data
  const { domain, access_token: accessToken, refresh_token: refreshToken } = auth
  return {
    event: name,
    memberId: auth.member_id.toLowerCase(),
    applicationToken: auth.application_token,
    at: ts,
    clean: data.CLEAN === '1',
    grant:
      accessToken === undefined
        ? undefined
        : { domain, accessToken, refreshToken, expiresIn: auth.expires_in, serverEndpoint: auth.server_endpoint }
  }
}
