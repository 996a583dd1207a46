// Puts the local application together from its parts.
// Must stay true: wiring only; the parts know one another by interfaces.
import type { LocalApplication } from '../core/application.ts'
import type { Clock } from '../core/clock.ts'
import type { InstallationStore } from '../core/installation.ts'
import type { Leases } from '../core/run/journal.ts'
import { type ApplicationDeps, createApplication } from './application.ts'
import { type AuthorizationOptions, createAuthorization } from './authorization.ts'
import { type ChannelsDeps, createChannels } from './channels.ts'
import type { ClientOptions } from './client.ts'
import { createTokenKeeper } from './token-keeper.ts'
import { createVisitors } from './visitors.ts'

export interface ApplicationOptions
  extends Omit<AuthorizationOptions, 'now'>,
    Pick<ApplicationDeps, 'publicUrl' | 'runs' | 'onTrouble'>,
    Pick<ChannelsDeps, 'newPace'> {
  readonly store: InstallationStore
  readonly leases: Pick<Leases, 'acquire' | 'release'>
  readonly clock: Clock
  readonly client: ClientOptions
}

/** The local application; `close` it. */
export const openApplication = (options: ApplicationOptions): LocalApplication => {
  const { store, clock } = options
  const authorization = createAuthorization({ ...options, now: () => clock.now() })
  const keeper = createTokenKeeper({ ...options, authorization })
  const channels = createChannels({ ...options, keeper })
  const visitors = createVisitors({ authorization, clock, withToken: channels.withToken })
  return createApplication({ ...options, store, keeper, channels, visitors })
}
