// Settings: what is refused, with which words, and that secrets cannot be printed.
// Must stay true: the message names every wrong variable at once.
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ConfigError, type Environment, readConfig } from '../server/config.ts'

const WEBHOOK = 'https://portal.bitrix24.com/rest/1/planted5secret9x/'
const KEYS = {
  BITRIX_CLIENT_ID: 'local.1',
  BITRIX_CLIENT_SECRET: 'planted-client-secret',
  PUBLIC_URL: 'https://app.example.com'
}

const problemsOf = (env: Environment): string => {
  try {
    readConfig(env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return String(error)
  }
  return ''
}

test('an empty environment is an emulated portal on loopback with the defaults of the contract', () => {
  expect(readConfig({})).toMatchObject({
    ...{ port: 3000, host: '127.0.0.1', dataDir: './data', standalone: { mode: 'emulated' } },
    ...{
      rate: 2,
      burst: 50,
      requestSeconds: 60,
      autoResume: false,
      logLevel: 'info',
      keepRunsDays: 90,
      databasePool: 10
    },
    ...{ publicUrl: undefined, standaloneSecret: undefined, application: undefined },
    oauthUrls: ['https://oauth.bitrix24.tech', 'https://oauth.bitrix.info']
  })
  // All zones that protocol.md, section 8, has evidence for, without those of services and sites.
  const zones = 'com ru by kz ua eu de fr it es pl in cn jp vn id com.br com.tr'.split(' ')
  expect(new Set(readConfig({}).portalHosts)).toEqual(new Set(zones.map(zone => `*.bitrix24.${zone}`)))
})

test('an empty value counts as unset', () => {
  const names = [
    'PORT',
    'HOST',
    'BITRIX_WEBHOOK_URL',
    'BITRIX_WEBHOOK_SECRET',
    'DATABASE_URL',
    'PUBLIC_URL',
    'LOG_LEVEL'
  ]
  expect(readConfig(Object.fromEntries(names.map(name => [name, ' '])))).toEqual(readConfig({}))
})

test('a webhook, keys, lists and fractions are read', () => {
  const config = readConfig({
    ...KEYS,
    BITRIX_WEBHOOK_URL: WEBHOOK,
    BITRIX_OAUTH_URLS: 'http://127.0.0.1:4000/, https://oauth.portal.example',
    BITRIX_PORTAL_HOSTS: '*.Bitrix24.com,portal.local:8443',
    BITRIX_REQUEST_SECONDS: '0.5',
    KEEP_RUNS_DAYS: '0',
    AUTO_RESUME: 'on',
    PORT: '0'
  })
  expect(config.standalone).toMatchObject({ mode: 'webhook', webhook: { host: 'portal.bitrix24.com', userId: 1 } })
  expect(config.application?.clientSecret.reveal()).toBe('planted-client-secret')
  expect(config).toMatchObject({
    ...{ port: 0, requestSeconds: 0.5, keepRunsDays: 0, autoResume: true, publicUrl: 'https://app.example.com' },
    oauthUrls: ['http://127.0.0.1:4000', 'https://oauth.portal.example'],
    // In place of the built-in zones, not beside them.
    portalHosts: ['*.bitrix24.com', 'portal.local:8443']
  })
})

describe('wrong values', () => {
  const wrong: Record<string, readonly string[]> = {
    PORT: ['x', '-1', '65536', '3000.5', '0x10', '1e3'],
    HOST: ['http://127.0.0.1', 'a b'],
    DATABASE_URL: ['mysql://x', 'planted', 'postgres://host:planted/x'],
    BITRIX_WEBHOOK_URL: ['x', 'https://portal.example', 'http://portal.example.com/rest/1/planted5secret9x/'],
    PUBLIC_URL: [
      'x',
      'http://app.example.com',
      'javascript:alert(1)',
      'https://app.example.com/app',
      'https://app.example.com/?x=1',
      'https://user:word@app.example.com'
    ],
    BITRIX_OAUTH_URLS: ['x', 'http://oauth.example.com', 'https://a.example,,'],
    BITRIX_PORTAL_HOSTS: ['https://x', '*', 'a..b', '*.*.com', 'user@host', 'portal.com:99999'],
    BITRIX_RATE: ['0', '-2', 'fast', '1e9'],
    BITRIX_BURST: ['0', '1.5'],
    DATABASE_POOL: ['0', '1001', '2.5', 'all'],
    BITRIX_REQUEST_SECONDS: ['0', 'x'],
    KEEP_RUNS_DAYS: ['-1', '1.5', 'x', '36501'],
    AUTO_RESUME: ['yes', 'ON', '1'],
    APP_SECRET: ['short'],
    LOG_LEVEL: ['loud']
  }

  test('are named one by one, each with an example or the choices', () => {
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const problems = problemsOf({ [name]: value })
        expect(problems, `${name}=${value}`).toContain(`- ${name}: `)
        expect(problems, `${name}=${value}`).toMatch(/for example|must be one of/)
        expect(problems).not.toContain('planted')
      }
    }
  })

  test('a secret that could be guessed is one of them', () => {
    for (const BITRIX_WEBHOOK_SECRET of ['1', 'fifteen-letters']) {
      const problems = problemsOf({ BITRIX_WEBHOOK_SECRET })
      expect(problems).toMatch(/- BITRIX_WEBHOOK_SECRET: must have at least 16 characters, for example/)
      expect(problems).not.toContain('fifteen')
    }
  })

  test('are all named in one message, together with what is missing between them', () => {
    const env = Object.fromEntries(Object.entries(wrong).map(([name, [value]]) => [name, value]))
    const problems = problemsOf({ ...env, BITRIX_CLIENT_ID: 'local.1', HOST: '0.0.0.0', PORT: 'x' })
    for (const name of Object.keys(wrong)) if (name !== 'HOST') expect(problems).toContain(`- ${name}: `)
    expect(problems).toContain('- BITRIX_WEBHOOK_SECRET: is missing')
    expect(problems).toContain('- BITRIX_CLIENT_SECRET: is missing')
  })
})

describe('what belongs together', () => {
  test('a webhook on a host other than loopback needs the secret', () => {
    for (const HOST of ['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.0.0.1.example.com']) {
      expect(problemsOf({ BITRIX_WEBHOOK_URL: WEBHOOK, HOST })).toContain('BITRIX_WEBHOOK_SECRET')
      expect(problemsOf({ BITRIX_WEBHOOK_URL: WEBHOOK, HOST, BITRIX_WEBHOOK_SECRET: 'x'.repeat(16) })).toBe('')
      expect(problemsOf({ HOST })).toBe('')
    }
    for (const HOST of ['127.0.0.1', '127.0.0.2', 'localhost', '::1']) {
      expect(problemsOf({ BITRIX_WEBHOOK_URL: WEBHOOK, HOST })).toBe('')
    }
  })

  test('a local application needs both keys and PUBLIC_URL', () => {
    expect(problemsOf(KEYS)).toBe('')
    for (const name of Object.keys(KEYS)) {
      if (name === 'PUBLIC_URL') expect(problemsOf({ ...KEYS, PUBLIC_URL: '' })).toContain('- PUBLIC_URL: is missing')
      else expect(problemsOf({ ...KEYS, [name]: '' })).toContain(`- ${name}: is missing`)
    }
  })

  test('keys alone leave the standalone page off; a webhook beside them keeps it; http is for this machine only', () => {
    expect(readConfig(KEYS).standalone).toEqual({ mode: 'off' })
    expect(readConfig({ ...KEYS, BITRIX_WEBHOOK_URL: WEBHOOK }).standalone.mode).toBe('webhook')
    expect(readConfig({ ...KEYS, PUBLIC_URL: 'http://127.0.0.1:3000/' }).publicUrl).toBe('http://127.0.0.1:3000')
    expect(problemsOf({ ...KEYS, PUBLIC_URL: 'http://10.0.0.1:3000' })).toContain('- PUBLIC_URL: ')
  })

  test('a shared database needs APP_SECRET', () => {
    const DATABASE_URL = 'postgres://user:planted@db/bitrixcorp'
    expect(problemsOf({ DATABASE_URL })).toContain('- APP_SECRET: is missing')
    expect(problemsOf({ DATABASE_URL, APP_SECRET: 'x'.repeat(32) })).toBe('')
  })
})

test('no way of printing shows a secret, and nothing can be changed', () => {
  const config = readConfig({
    ...KEYS,
    BITRIX_WEBHOOK_URL: WEBHOOK,
    BITRIX_WEBHOOK_SECRET: 'planted-standalone',
    DATABASE_URL: 'postgres://user:planted@db/bitrixcorp',
    APP_SECRET: `planted${'x'.repeat(32)}`
  })
  const printed = [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    `${config.standaloneSecret}`,
    String(config.application?.clientSecret)
  ]
  for (const text of printed) expect(text).not.toContain('planted')
  expect(Object.isFrozen(config)).toBe(true)
})
