// Who we are on a portal: the person behind our credentials.
// Must stay true: one request, changes nothing.
import { z } from 'zod'
import { demandOutcome } from '../core/demand.ts'
import { type Portal, PortalFailure } from '../core/portal.ts'

export interface Identity {
  readonly userId: string
  /** Name of the person whose rights we have; may be empty. */
  readonly person: string
  readonly admin: boolean
  /** The portal's clock when it answered, unix ms; undefined where it does not say. */
  readonly portalNow: number | undefined
}

const name = z.string().catch('')
const profileSchema = z.object({ ID: z.coerce.string(), ADMIN: z.boolean().catch(false), NAME: name, LAST_NAME: name })

/** Asks the portal for the person behind our credentials. @throws {PortalFailure} */
export const readIdentity = async (portal: Pick<Portal, 'execute'>): Promise<Identity> => {
  const { outcomes, finishedAt } = await portal.execute([{ key: 'profile', method: 'profile', params: {} }], {
    halt: false
  })
  const profile = profileSchema.safeParse(demandOutcome(outcomes.get('profile'), 'profile').result)
  if (!profile.success)
    throw new PortalFailure('lost', 'UNREADABLE_REPLY', 'The portal did not answer "profile" as Bitrix24 does.')
  const { ID, ADMIN, NAME, LAST_NAME } = profile.data
  return { userId: ID, person: `${NAME} ${LAST_NAME}`.trim(), admin: ADMIN, portalNow: finishedAt }
}
