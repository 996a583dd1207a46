// `npm run portal`: the emulated portal alone, until Ctrl+C.
// Must stay true: a wrong flag stops the start with one sentence per mistake.
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { createEmulatedPortal } from './emulated-portal.ts'
import { NEWEST_LIMITER } from './settings.ts'

const USAGE = `npm run portal -- [flags]
  --port N         port, default 8024 (0: any free one)
  --authorization-port N  port of its authorization server, default one more than the portal's
  --plan NAME      standard (default), enterprise or box
  --latency MS     round-trip time, default 0
  --command-ms MS  service time of one command, default 0
  --limiter NAME   of operating time: window (default), ban, or newest (batches are counted and refused)
  --language NAME  of validation texts: en (default) or ru
  --totals NAME    of lists: exact (default), missing, fifty, off or stale
  --workers N      requests worked on at once, default 8
  --companies N    companies at the start, default 0
  --contacts N     contacts at the start, default 0
  --my-companies N legal entities of the portal's owner at the start, default 0`

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine(value => value >= least && value <= most, `must be ${least} to ${most}`)

const milliseconds = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'must be a number of milliseconds')
  .transform(Number)

const flagsSchema = z.object({
  port: whole(0, 65_535).default(8024),
  'authorization-port': whole(0, 65_535).optional(),
  plan: z.enum(['standard', 'enterprise', 'box'], 'must be standard, enterprise or box').default('standard'),
  latency: milliseconds.default(0),
  'command-ms': milliseconds.default(0),
  limiter: z.enum(['window', 'ban', 'newest'], 'must be window, ban or newest').default('window'),
  language: z.enum(['en', 'ru'], 'must be en or ru').default('en'),
  totals: z
    .enum(['exact', 'missing', 'fifty', 'off', 'stale'], 'must be exact, missing, fifty, off or stale')
    .default('exact'),
  workers: whole(1, 10_000).default(8),
  companies: whole(0, 1_000_000).default(0),
  contacts: whole(0, 1_000_000).default(0),
  'my-companies': whole(0, 1000).default(0)
})

/** @throws {TypeError} for flags that are not known */
function readFlags(): Record<string, unknown> {
  const options = Object.fromEntries(Object.keys(flagsSchema.shape).map(name => [name, { type: 'string' as const }]))
  return parseArgs({ options }).values
}

function refuse(problems: readonly string[]): never {
  console.error(`${problems.join('\n')}\n\n${USAGE}`)
  process.exit(2)
}

async function main(): Promise<void> {
  let given: Record<string, unknown> = {}
  try {
    given = readFlags()
  } catch (cause) {
    refuse([cause instanceof Error ? cause.message : String(cause)])
  }
  const flags = flagsSchema.safeParse(given)
  if (!flags.success) refuse(flags.error.issues.map(issue => `--${issue.path.join('.')} ${issue.message}`))
  const { port, plan, latency, limiter, language, totals, workers, companies, contacts } = flags.data
  const portal = await createEmulatedPortal({
    port,
    authorizationPort: flags.data['authorization-port'] ?? (port === 0 ? 0 : port + 1),
    plan,
    operating: limiter === 'newest' ? NEWEST_LIMITER : { model: limiter },
    speed: { latencyMs: latency, commandMs: flags.data['command-ms'], workers },
    state: { language, totals },
    seed: { companies, contacts, myCompanies: flags.data['my-companies'] }
  })
  console.log(`Emulated Bitrix24 portal (${plan}) with ${companies} companies and ${contacts} contacts`)
  console.log(`Desktop: ${portal.origin}/`)
  console.log(`BITRIX_WEBHOOK_URL=${portal.webhookUrl}`)
  console.log(`BITRIX_OAUTH_URLS=${portal.authorization.origin}`)
  console.log(`BITRIX_PORTAL_HOSTS=${portal.host}`)
  const stop = () => {
    void portal.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

main().catch((cause: unknown) => refuse([cause instanceof Error ? cause.message : String(cause)]))
