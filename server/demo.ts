// What runs where nothing is configured: an emulated portal in this process, with BitrixCorp registered on it.
// Must stay true: from here on it is a portal like any other; nobody is let in without the handshake.
import { randomBytes } from 'node:crypto'
import { createEmulatedPortal, type EmulatedPortal } from '../emulator/emulated-portal.ts'
import { Secret } from './config.ts'

/** An unhurried pace, so that a newcomer sees what happens. */
const SPEED = { latencyMs: 20, commandMs: 60, workers: 6 }

/** A local application, and whom it trusts. */
export interface ApplicationKeys {
  readonly clientId: string
  readonly clientSecret: Secret
  readonly oauthUrls: readonly string[]
  readonly portalHosts: readonly string[]
  /** Where portals reach it. */
  readonly publicUrl: string
}

/**
 * How the ids of these portals begin: half of the 32 hexadecimal digits that an id has. Those of real portals are hashes, and none of them
 * begins so but once in 2^64.
 */
export const DEMO_MARK = Buffer.from('emulated').toString('hex')

/** Another portal at every start: it is empty, so no run of an earlier one may go on there. */
export const openDemoPortal = (): Promise<EmulatedPortal> =>
  createEmulatedPortal({ speed: SPEED, memberId: DEMO_MARK + randomBytes(8).toString('hex') })

/** Fills in the portal's form "Local application". */
export const registerOnDemo = (portal: EmulatedPortal, publicUrl: string): ApplicationKeys => {
  const { clientId, clientSecret } = portal.registerApplication({
    handlerUrl: `${publicUrl}/placement`,
    installUrl: `${publicUrl}/install`,
    title: { ru: 'BitrixCorp', en: 'BitrixCorp' },
    scope: ['crm', 'placement', 'user_brief']
  })
  return {
    ...{ clientId, clientSecret: new Secret(clientSecret), publicUrl },
    ...{ oauthUrls: [portal.authorization.origin], portalHosts: [portal.host] }
  }
}
