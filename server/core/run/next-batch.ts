// The next batch of a run: as large as the dispatcher says, of the mission's rows, with a request out of the bucket.
// Must stay true: a batch that is handed out has its request; nothing is taken out of the mission in vain.
import { type Channel, trafficOf } from '../channel.ts'
import type { Dispatcher } from '../speed/dispatcher.ts'
import type { LoadCounter } from '../speed/load.ts'
import type { Traffic } from '../speed/pace.ts'
import type { Batch, Mission } from './mission.ts'

export interface Outlet {
  readonly mission: Mission
  readonly channel: Channel
  readonly dispatcher: Dispatcher
  readonly load: LoadCounter
}

/** Which room of the bucket the run may use now. Doubtful rows will need look-ups: for them it is left. */
export const trafficNow = ({ mission, channel }: Outlet, now: number): Traffic =>
  mission.certain() ? trafficOf(channel, mission.left(), now) : 'run'

/** Null: nothing is to leave now. */
export const nextBatch = (outlet: Outlet, now: number): Batch | null => {
  const { mission, channel, dispatcher, load } = outlet
  const traffic = trafficNow(outlet, now)
  const free = channel.pace.free(now, traffic)
  const forRows = Math.max(Math.min(free, 1), free - mission.keeps(free))
  const size = forRows > 0 ? dispatcher.size({ now, left: mission.left(), free: forRows, load: load.now() }) : 0
  const batch = size > 0 ? mission.next(size, now) : null
  // Granted, because it is free at this very moment; asked for only now, because a request without a batch would be lost.
  if (batch !== null) channel.pace.reserve(now, traffic)
  else if (free === 0 && mission.left() > 0) channel.pace.runWaits(now, traffic)
  return batch
}
