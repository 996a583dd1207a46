// Preloaded into the server by `node --expose-gc --import loop-delay.mjs`: answers over the process channel what only the process itself knows.
// Must stay true: the product knows nothing of it; what it costs is one timer of 10 ms.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
histogram.enable()

/** The timer's own interval is no delay. */
const late = nanoseconds => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)

const orders = {
  'loop-reset': () => histogram.reset(),
  'loop-delay': () => ({
    p50: late(histogram.percentile(50)),
    p99: late(histogram.percentile(99)),
    max: late(histogram.max)
  }),
  /** Bytes that are still needed. */
  heap: () => {
    globalThis.gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
}

process.on('message', ({ id, order }) => process.send({ id, answer: orders[order]() }))
process.channel.unref()
