// The ways to portals where the application is installed: one pace per portal, one client per person.
// Must stay true: everything that talks to one portal shares its pace; a client lives as long as its address is the portal's.
import { type Channel, createChannel } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import type { InstallationStore } from '../core/installation.ts'
import { PortalFailure } from '../core/portal.ts'
import { allowedOrigin } from '../core/portal-hosts.ts'
import type { Pace } from '../core/speed/pace.ts'
import type { Grant } from './authorization.ts'
import type { ClientOptions, RestClient } from './client.ts'
import { createOAuthClient } from './oauth-client.ts'
import { createRestPortal } from './rest-portal.ts'
import type { TokenKeeper } from './token-keeper.ts'

export interface ChannelsDeps {
  readonly keeper: TokenKeeper
  readonly store: Pick<InstallationStore, 'change'>
  readonly clock: Clock
  readonly portalHosts: readonly string[]
  /** Asked once per portal, with its host. */
  readonly newPace: (host: string) => Pace
  readonly client: ClientOptions
}

interface Kept {
  readonly origin: string
  readonly client: RestClient
  readonly channel: Channel
}

export const createChannels = ({ keeper, store, clock, portalHosts, newPace, client: options }: ChannelsDeps) => {
  const paces = new Map<string, Pace>()
  const kept = new Map<string, Kept>()

  const paceOf = (memberId: string, host: string): Pace => {
    const pace = paces.get(memberId) ?? newPace(host)
    paces.set(memberId, pace)
    return pace
  }
  const open = (memberId: string, origin: string, client: RestClient): Kept => {
    const { host } = new URL(origin)
    const portal = createRestPortal({ id: memberId, host, client })
    return { origin, client, channel: createChannel(portal, paceOf(memberId, host), clock) }
  }

  return {
    /** A person's channel. @throws {PortalFailure} NOT_INSTALLED, STORAGE_FAILED, DATABASE_FAILED */
    async of(memberId: string, userId: string): Promise<Channel> {
      const { origin } = await keeper.installation(memberId)
      const key = `${memberId}/${userId}`
      const known = kept.get(key)
      if (known?.origin === origin) return known.channel
      // A run may still use the old one: its requests find the new address by themselves.
      const client = createOAuthClient(
        {
          origin: async () => (await keeper.installation(memberId)).origin,
          token: async () => (await keeper.current(memberId, userId)).access,
          renew: async refused => (await keeper.renew(memberId, userId, refused)).access,
          moved: async address => allowedOrigin(address, portalHosts),
          settled: async target => store.change(memberId, { origin: target })
        },
        options
      )
      const made = open(memberId, origin, client)
      kept.set(key, made)
      return made.channel
    },
    /** A channel that acts with a token which is not stored, for as long as `work` lasts. */
    async withToken<T>(
      memberId: string,
      { origin }: Grant,
      accessToken: string,
      work: (channel: Channel) => Promise<T>
    ): Promise<T> {
      const client = createOAuthClient(
        {
          origin: async () => origin,
          token: async () => accessToken,
          renew: async () => {
            throw new PortalFailure('blocked', 'expired_token', 'The access has expired. Open the application again.')
          },
          moved: async address => allowedOrigin(address, portalHosts),
          settled: async () => undefined
        },
        options
      )
      try {
        return await work(open(memberId, origin, client).channel)
      } finally {
        client.close()
      }
    },
    forget(memberId: string): void {
      for (const key of kept.keys()) if (key.startsWith(`${memberId}/`)) kept.delete(key)
    },
    close(): void {
      for (const { client } of kept.values()) client.close()
    }
  }
}
