// Environment → frozen Config: the contract's table of settings, and the only place that reads process.env.
// Must stay true: every problem is named in one message with an example; secrets are not printable.
import { z } from 'zod'
import { type Webhook, webhookUrlSchema } from './core/webhook-url.ts'

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

const number = (example: string, schema: z.ZodNumber) =>
  z
    .string()
    .regex(/^\d+(\.\d+)?$/, `must be a number, for example ${example}`)
    .transform(Number)
    .pipe(schema)

const isHttps = (text: string): boolean => URL.canParse(text) && new URL(text).protocol === 'https:'
const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host)
const originOnly = (text: string): string => new URL(text).origin

const environment = z.object({
  PORT: number('3000', z.number().int().min(0).max(65_535)).default(3000),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().default('./data'),
  DATABASE_URL: z
    .string()
    .regex(
      /^postgres(ql)?:\/\//,
      'must be a PostgreSQL address, for example postgres://user:password@host:5432/bitrixcorp'
    )
    .transform(value => new Secret(value))
    .optional(),
  BITRIX_WEBHOOK_URL: webhookUrlSchema.optional(),
  BITRIX_WEBHOOK_SECRET: z
    .string()
    .min(8, 'must have at least 8 characters, for example the output of: openssl rand -hex 16')
    .transform(value => new Secret(value))
    .optional(),
  BITRIX_RATE: number('2', z.number().positive().max(1000)).default(2),
  BITRIX_BURST: number('50', z.number().int().min(1).max(100_000)).default(50),
  BITRIX_REQUEST_SECONDS: number('60', z.number().positive().max(3600)).default(60),
  AUTO_RESUME: z.enum(['on', 'off'], 'must be on or off').default('off'),
  PUBLIC_URL: z
    .string()
    .refine(isHttps, 'must be an https address, for example https://bitrixcorp.example.com')
    .transform(originOnly)
    .optional(),
  APP_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters, for example the output of: openssl rand -base64 32')
    .transform(value => new Secret(value))
    .optional(),
  LOG_LEVEL: z.enum(logLevels, `must be one of ${logLevels.join(', ')}`).default('info')
})

export type Standalone =
  /** An incoming webhook of a real portal. */
  | { readonly mode: 'webhook'; readonly webhook: Webhook }
  /** Nothing configured: a portal in the same process. */
  | { readonly mode: 'emulated' }

export interface Config {
  readonly port: number
  readonly host: string
  readonly dataDir: string
  /** PostgreSQL instead of the embedded storage. */
  readonly databaseUrl: Secret | undefined
  readonly standalone: Standalone
  /** Needed by standalone routes and the API when set. */
  readonly standaloneSecret: Secret | undefined
  readonly appSecret: Secret | undefined
  readonly publicUrl: string | undefined
  /** The portal's request limit: drained per second, bucket size. */
  readonly rate: number
  readonly burst: number
  readonly requestSeconds: number
  readonly autoResume: boolean
  readonly logLevel: (typeof logLevels)[number]
}

export type Environment = Readonly<Record<string, string | undefined>>

const crossProblems = (env: z.infer<typeof environment>): string[] => {
  const problems: string[] = []
  if (env.BITRIX_WEBHOOK_URL !== undefined && !isLoopback(env.HOST) && env.BITRIX_WEBHOOK_SECRET === undefined) {
    problems.push(
      `BITRIX_WEBHOOK_SECRET: is missing, but HOST is ${env.HOST}: anyone who reaches it could fill and clear your portal. Set a secret, or HOST=127.0.0.1`
    )
  }
  if (env.DATABASE_URL !== undefined && env.APP_SECRET === undefined) {
    problems.push(
      'APP_SECRET: is missing, but instances that share DATABASE_URL need the same one, for example the output of: openssl rand -base64 32'
    )
  }
  return problems
}

/** Pure. An empty value counts as unset. @throws {ConfigError} */
export const readConfig = (env: Environment): Config => {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== '')
  )
  const parsed = environment.safeParse(given)
  const problems = parsed.success
    ? crossProblems(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(
      `BitrixCorp cannot start, because its settings are wrong:\n${problems.map(line => `  - ${line}`).join('\n')}`
    )
  }
  const { data } = parsed
  return Object.freeze({
    port: data.PORT,
    host: data.HOST,
    dataDir: data.DATA_DIR,
    databaseUrl: data.DATABASE_URL,
    standalone:
      data.BITRIX_WEBHOOK_URL === undefined
        ? ({ mode: 'emulated' } as const)
        : ({ mode: 'webhook', webhook: data.BITRIX_WEBHOOK_URL } as const),
    standaloneSecret: data.BITRIX_WEBHOOK_SECRET,
    appSecret: data.APP_SECRET,
    publicUrl: data.PUBLIC_URL,
    rate: data.BITRIX_RATE,
    burst: data.BITRIX_BURST,
    requestSeconds: data.BITRIX_REQUEST_SECONDS,
    autoResume: data.AUTO_RESUME === 'on',
    logLevel: data.LOG_LEVEL
  })
}

/** Reads `.env` of the working folder, if there is one, and the environment (which wins). @throws {ConfigError} */
export const loadConfig = (): Config => {
  try {
    process.loadEnvFile()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  return readConfig(process.env)
}
