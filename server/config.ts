// Environment → frozen Config: the contract's table of settings, and the only place that reads process.env.
// Must stay true: every problem is named in one message with an example; secrets are not printable.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { isLoopbackHost } from './core/portal-hosts.ts'
import { type Webhook, webhookUrlSchema } from './core/webhook-url.ts'
import { EnvFileError, parseEnvFile } from './env-file.ts'
import { warnOfProxy, warnOfUnknownSettings } from './startup-warnings.ts'

/** A secret that prints as stars wherever it may get to. */
export class Secret {
  readonly #value: string
  constructor(value: string) {
    this.#value = value
  }
  /** The value itself, for the one place that needs it. */
  reveal(): string {
    return this.#value
  }
  toString(): string {
    return '***'
  }
  toJSON(): string {
    return '***'
  }
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** Every problem of the configuration in one message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const number = (what: string, isRight: (value: number) => boolean) =>
  z
    .string()
    .refine(text => /^\d{1,9}(\.\d{1,9})?$/.test(text) && isRight(Number(text)), `must be ${what}`)
    .transform(Number)

const whole = (min: number, max: number, example: string) =>
  number(
    `a whole number from ${min} to ${max}, for example ${example}`,
    value => Number.isInteger(value) && value >= min && value <= max
  )
const fraction = (max: number, example: string) =>
  number(`a number above 0, at most ${max}, for example ${example}`, value => value > 0 && value <= max)

const secret = (min: number, message: string) =>
  z
    .string()
    .min(min, message)
    .transform(value => new Secret(value))

const list = (isRight: (text: string) => boolean, message: string) =>
  z
    .string()
    .transform(text => text.split(',').map(part => part.trim()))
    .refine(parts => parts.every(isRight), message)

const isHttps = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'https:'
/** Plain http only where it cannot be overheard: around an emulated portal. */
const isProtected = (text: string): boolean =>
  isHttps(text) || (URL.canParse(text) && new URL(text).protocol === 'http:' && isLoopbackHost(new URL(text).hostname))
const PORTAL_HOST = /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/i
/** `*.zone` or `host[:port]`. */
const isPortalHost = (text: string): boolean =>
  PORTAL_HOST.test(text) && URL.canParse(`https://${text.replace(/^\*\./, '')}`)

/** Nothing behind the host: every route has its own path. */
const isBare = (text: string): boolean => {
  const { origin, href } = new URL(text)
  return href === `${origin}/`
}

/** protocol.md, section 6: the first serves ru, by, kz and their neighbours, the second all other zones. */
const OAUTH_SERVERS = ['https://oauth.bitrix24.tech', 'https://oauth.bitrix.info']
/** protocol.md, section 8. */
const CLOUD_ZONES = 'com ru by kz ua eu de fr it es pl in cn jp vn id com.br com.tr'
  .split(' ')
  .map(zone => `*.bitrix24.${zone}`)
const originOnly = (text: string): string => new URL(text).origin

const environment = z.object({
  PORT: whole(0, 65_535, '3000').default(3000),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:-]+$/, 'must be an IP address or a host name, for example 127.0.0.1')
    .default('127.0.0.1'),
  DATA_DIR: z.string().default('./data'),
  DATABASE_URL: z
    .string()
    .regex(
      /^postgres(ql)?:\/\//,
      'must be a PostgreSQL address, for example postgres://user:password@host:5432/bitrixcorp'
    )
    .refine(URL.canParse, 'must be a PostgreSQL address, for example postgres://user:password@host:5432/bitrixcorp')
    .transform(value => new Secret(value))
    .optional(),
  DATABASE_POOL: whole(1, 1000, '10').default(10),
  BITRIX_WEBHOOK_URL: webhookUrlSchema.optional(),
  BITRIX_WEBHOOK_SECRET: secret(
    16,
    'must have at least 16 characters, for example the output of: openssl rand -hex 16'
  ).optional(),
  BITRIX_CLIENT_ID: z.string().optional(),
  BITRIX_CLIENT_SECRET: secret(1, 'must not be empty').optional(),
  BITRIX_OAUTH_URLS: list(
    isProtected,
    `must be https addresses divided by commas, for example ${OAUTH_SERVERS[1]}`
  ).default(OAUTH_SERVERS),
  BITRIX_PORTAL_HOSTS: list(
    isPortalHost,
    'must be host names or *.zones divided by commas, for example *.bitrix24.com,portal.example.com:8443'
  ).default(CLOUD_ZONES),
  BITRIX_RATE: fraction(1000, '2').default(2),
  BITRIX_BURST: whole(1, 100_000, '50').default(50),
  BITRIX_REQUEST_SECONDS: fraction(3600, '60').default(60),
  KEEP_RUNS_DAYS: whole(0, 36_500, '90').default(90),
  AUTO_RESUME: z.enum(['on', 'off'], 'must be on or off, for example AUTO_RESUME=on').default('off'),
  PUBLIC_URL: z
    .string()
    .refine(
      text => isProtected(text) && isBare(text),
      'must be an https address without a path, for example https://bitrixcorp.example.com'
    )
    .transform(originOnly)
    .optional(),
  APP_SECRET: secret(
    16,
    'must have at least 16 characters, for example the output of: openssl rand -base64 32'
  ).optional(),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}, for example LOG_LEVEL=info`).default('info')
})

export type Standalone =
  /** An incoming webhook of a real portal. */
  | { readonly mode: 'webhook'; readonly webhook: Webhook }
  /** Nothing configured: a portal in the same process. */
  | { readonly mode: 'emulated' }
  /** Only keys of a local application: everything happens inside portals. */
  | { readonly mode: 'off' }

export interface Config {
  readonly port: number
  readonly host: string
  readonly dataDir: string
  /** PostgreSQL instead of the embedded storage. */
  readonly databaseUrl: Secret | undefined
  /** Connections to PostgreSQL at most. */
  readonly databasePool: number
  readonly standalone: Standalone
  /** Needed by standalone routes and the API when set. */
  readonly standaloneSecret: Secret | undefined
  /** Keys of the local application. */
  readonly application: { readonly clientId: string; readonly clientSecret: Secret } | undefined
  /** Allow-list of authorization servers: origins. */
  readonly oauthUrls: readonly string[]
  /** Allow-list of portals: `*.zone` or exact `host[:port]`, in lower case. */
  readonly portalHosts: readonly string[]
  readonly appSecret: Secret | undefined
  readonly publicUrl: string | undefined
  /** The portal's request limit: drained per second, bucket size. */
  readonly rate: number
  readonly burst: number
  readonly requestSeconds: number
  /** Days after which a run that has ended is removed from the history; 0: never. */
  readonly keepRunsDays: number
  readonly autoResume: boolean
  readonly logLevel: (typeof logLevels)[number]
  /** Sentences for the log of the start. */
  readonly warnings: readonly string[]
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What is wrong between settings; `given`: those that are set, right or wrong. */
const crossProblems = (given: Readonly<Record<string, string | undefined>>): string[] => {
  const problems: string[] = []
  const { HOST = '127.0.0.1' } = given
  const has = (name: string): boolean => given[name] !== undefined
  if (has('BITRIX_WEBHOOK_URL') && !isLoopbackHost(HOST) && !has('BITRIX_WEBHOOK_SECRET')) {
    problems.push(
      'BITRIX_WEBHOOK_SECRET: is missing, but HOST is not loopback: anyone who reaches it could fill and clear your portal. Set a secret, for example the output of: openssl rand -hex 16, or set HOST=127.0.0.1'
    )
  }
  if (has('DATABASE_URL') && !has('APP_SECRET')) {
    problems.push(
      'APP_SECRET: is missing, but instances that share DATABASE_URL need the same one, for example the output of: openssl rand -base64 32'
    )
  }
  if (has('BITRIX_CLIENT_ID') || has('BITRIX_CLIENT_SECRET')) {
    const examples = {
      BITRIX_CLIENT_ID: 'local.0123456789abcd.01234567',
      BITRIX_CLIENT_SECRET: 'the second key of the local application',
      PUBLIC_URL: 'https://bitrixcorp.example.com'
    }
    for (const [name, example] of Object.entries(examples)) {
      if (!has(name)) problems.push(`${name}: is missing, but a local application needs it, for example ${example}`)
    }
  }
  return problems
}

const standaloneOf = ({
  BITRIX_WEBHOOK_URL: webhook,
  BITRIX_CLIENT_ID: key
}: z.infer<typeof environment>): Standalone => {
  if (webhook !== undefined) return { mode: 'webhook', webhook }
  return { mode: key === undefined ? 'emulated' : 'off' }
}

/** For the tests only, and often set beside the others (README). */
const TEST_NAMES = ['BITRIX_TEST_WEBHOOK_URL']

const warningsOf = (given: Readonly<Record<string, string | undefined>>, { mode }: Standalone): string[] => {
  const names = Object.keys(given)
  const known = [...Object.keys(environment.shape), ...TEST_NAMES]
  // The emulated portal is in this process: no proxy could stand before it.
  const proxy = mode === 'emulated' ? undefined : warnOfProxy(names)
  return [warnOfUnknownSettings(names, known), proxy].filter(warning => warning !== undefined)
}

/** Pure. An empty value counts as unset. @throws {ConfigError} */
export const readConfig = (env: Environment): Config => {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '')
  )
  const parsed = environment.safeParse(given)
  const issues = parsed.error?.issues ?? []
  const problems = [...issues.map(({ path, message }) => `${path.join('.')}: ${message}`), ...crossProblems(given)]
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(
      `BitrixCorp cannot start, because its settings are wrong:\n${problems.map(line => `  - ${line}`).join('\n')}`
    )
  }
  const { data } = parsed
  const standalone = standaloneOf(data)
  return Object.freeze({
    port: data.PORT,
    host: data.HOST,
    dataDir: data.DATA_DIR,
    databaseUrl: data.DATABASE_URL,
    databasePool: data.DATABASE_POOL,
    standalone,
    standaloneSecret: data.BITRIX_WEBHOOK_SECRET,
    application:
      data.BITRIX_CLIENT_ID === undefined || data.BITRIX_CLIENT_SECRET === undefined
        ? undefined
        : { clientId: data.BITRIX_CLIENT_ID, clientSecret: data.BITRIX_CLIENT_SECRET },
    oauthUrls: data.BITRIX_OAUTH_URLS.map(originOnly),
    portalHosts: data.BITRIX_PORTAL_HOSTS.map(host => host.toLowerCase()),
    appSecret: data.APP_SECRET,
    publicUrl: data.PUBLIC_URL,
    rate: data.BITRIX_RATE,
    burst: data.BITRIX_BURST,
    requestSeconds: data.BITRIX_REQUEST_SECONDS,
    keepRunsDays: data.KEEP_RUNS_DAYS,
    autoResume: data.AUTO_RESUME === 'on',
    logLevel: data.LOG_LEVEL,
    warnings: warningsOf(given, standalone)
  })
}

const readEnvFile = (): Environment => {
  try {
    return parseEnvFile(readFileSync('.env'))
  } catch (error) {
    if (error instanceof EnvFileError) throw new ConfigError(`BitrixCorp cannot start: ${error.message}`)
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new ConfigError(
      'BitrixCorp cannot start, because .env in the working folder cannot be read. Make it a readable text file with lines like PORT=3000, or remove it.',
      { cause: error }
    )
  }
}

/** Reads `.env` of the working folder, if there is one, and the environment (which wins). @throws {ConfigError} */
export const loadConfig = (): Config => {
  // Libraries look into the environment, too: what .env says to them (PGSSLMODE …) counts as if it stood there.
  for (const [name, value] of Object.entries(readEnvFile())) process.env[name] ??= value
  return readConfig(process.env)
}
