// Who we are on a portal and what we may do: asked once at the start, and for texts that explain a refusal.
// Must stay true: one request, changes nothing.
import { z } from 'zod'
import { demandOutcome } from '../core/demand.ts'
import { type BatchReply, type Portal, PortalFailure } from '../core/portal.ts'

export interface Identity {
  readonly userId: string
  /** Name of the person whose rights we have; may be empty. */
  readonly person: string
  readonly admin: boolean
  /** Names of the granted rights, lower case. */
  readonly scopes: readonly string[]
  /** Rights that we need and were not granted. */
  readonly missing: readonly string[]
}

/** What filling and clearing the CRM needs. */
const NEEDED = ['crm']

const name = z.string().catch('')
const profileSchema = z.object({ ID: z.coerce.string(), ADMIN: z.boolean().catch(false), NAME: name, LAST_NAME: name })
const scopesSchema = z.array(z.string().toLowerCase())

/** @throws {PortalFailure} when the command was not answered */
const resultOf = <T>({ outcomes }: BatchReply, key: string, schema: z.ZodType<T>): T => {
  const parsed = schema.safeParse(demandOutcome(outcomes.get(key), key).result)
  if (parsed.success) return parsed.data
  throw new PortalFailure('lost', 'UNREADABLE_REPLY', `The portal did not answer "${key}" as Bitrix24 does.`)
}

/** Asks the portal for the person and the rights behind our credentials. @throws {PortalFailure} */
export const readIdentity = async (portal: Pick<Portal, 'execute'>): Promise<Identity> => {
  const reply = await portal.execute(
    [
      { key: 'profile', method: 'profile', params: {} },
      { key: 'scope', method: 'scope', params: {} }
    ],
    { halt: false }
  )
  const { ID, ADMIN, NAME, LAST_NAME } = resultOf(reply, 'profile', profileSchema)
  const scopes = resultOf(reply, 'scope', scopesSchema)
  return {
    userId: ID,
    person: `${NAME} ${LAST_NAME}`.trim(),
    admin: ADMIN,
    scopes,
    missing: NEEDED.filter(scope => !scopes.includes(scope))
  }
}
