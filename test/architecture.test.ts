// The house keeps its rules; and the checker that says so notices each way of breaking them.
// Must stay true: every rule of the checker has a broken tree here that it must report.
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { checkArchitecture, importsOf, readSources } from './support/architecture.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const check = (tree: Readonly<Record<string, string>>): string[] => checkArchitecture(new Map(Object.entries(tree)))

test('every file of the house keeps the dependency rule', () => {
  const sources = readSources(root)
  expect([...sources.keys()]).toContain('server/core/create/plan.ts')
  expect(checkArchitecture(sources)).toEqual([])
})

describe('the checker', () => {
  test('finds imports of every form', () => {
    const source = [
      "import './effects.css'",
      "import fs from 'node:fs'",
      "import { a, type B } from './a.ts'",
      "import * as all from './all.ts'",
      "import type { T } from './t.ts'",
      'import {',
      '  one,',
      '  two',
      "} from './many.ts'",
      "export { x } from './x.ts'",
      "export type { Y } from './y.ts'",
      "export * from './z.ts'",
      "// import commented from './no.ts'",
      "const text = 'https://example.com'",
      "const later = await import('./later.ts')"
    ].join('\n')
    expect(importsOf(source).map(({ specifier, typeOnly, dynamic }) => [specifier, typeOnly, dynamic])).toEqual([
      ['./effects.css', false, false],
      ['node:fs', false, false],
      ['./a.ts', false, false],
      ['./all.ts', false, false],
      ['./t.ts', true, false],
      ['./many.ts', false, false],
      ['./x.ts', false, false],
      ['./y.ts', true, false],
      ['./z.ts', false, false],
      ['./later.ts', false, true]
    ])
  })

  test('is content with the arrows that are drawn', () => {
    expect(
      check({
        'server/main.ts': "import { app } from './app.ts'\nimport { portal } from '../emulator/emulated-portal.ts'",
        'server/app.ts': "import Koa from 'koa'\nimport { runs } from './http/runs.ts'",
        'server/config.ts': "import { z } from 'zod'\nexport const port = process.env.PORT",
        'server/core/run.ts':
          "import { z } from 'zod'\nconst at = clock.now()\nemit({ at: clock.now(), until: clock.steady() })",
        'server/core/sample/sample.ts': "import { faker } from '@faker-js/faker/locale/ru'",
        'server/bitrix24/client.ts': "import { B24Hook } from '@bitrix24/b24jssdk'\nimport { a } from '../core/run.ts'",
        'server/bitrix24/handshake.ts': "import { z } from 'zod'",
        'server/store/journal.ts': "import { Kysely } from 'kysely'\nimport type { A } from '../core/run.ts'",
        'server/http/install.ts': "import { grant } from '../bitrix24/handshake.ts'",
        'server/http/event-stream.ts': "import stream from 'koa-sse-stream/lib/sse.js'",
        'placement/main.ts': "import './styles/page.css'\nimport type { Run } from '../server/core/run.ts'",
        'placement/frame.ts': "const sdk = await import('@bitrix24/b24jssdk')",
        'emulator/emulated-portal.ts': "import Koa from 'koa'",
        'bench/main.ts': "import { a } from '../server/core/run.ts'\nimport { B24Hook } from '@bitrix24/b24jssdk'"
      })
    ).toEqual([])
  })

  test.each([
    [
      'core that knows bitrix24',
      'server/core/a.ts',
      "import type { B } from '../bitrix24/b.ts'",
      'server/bitrix24/b.ts'
    ],
    ['core with a framework', 'server/core/a.ts', "import Koa from 'koa'", 'koa'],
    ['core that reads files', 'server/core/a.ts', "import { readFile } from 'node:fs/promises'", 'node:fs/promises'],
    [
      'faker outside sample.ts',
      'server/core/plan.ts',
      "import { faker } from '@faker-js/faker/locale/ru'",
      '@faker-js'
    ],
    ['a store that knows http', 'server/store/a.ts', "import { b } from '../http/b.ts'", 'server/http/b.ts'],
    ['bitrix24 that knows the store', 'server/bitrix24/a.ts', "import { b } from '../store/b.ts'", 'server/store/b.ts'],
    ['http that knows the store', 'server/http/a.ts', "export { b } from '../store/b.ts'", 'server/store/b.ts'],
    [
      'http beyond the handshake',
      'server/http/a.ts',
      "import { b } from '../bitrix24/client.ts'",
      'bitrix24/client.ts'
    ],
    [
      'a server that knows the emulator',
      'server/app.ts',
      "const a = await import('../emulator/a.ts')",
      'emulator/a.ts'
    ],
    [
      'an emulator that knows the server',
      'emulator/a.ts',
      "import type { A } from '../server/core/a.ts'",
      'server/core/a.ts'
    ],
    [
      'a page that runs core',
      'placement/a.ts',
      "import { type A } from '../server/core/a.ts'",
      'only types of server/core/a.ts'
    ],
    ['a page that knows http', 'placement/a.ts', "import type { A } from '../server/http/a.ts'", 'server/http/a.ts'],
    ['a page on Node', 'placement/a.ts', "import path from 'node:path'", 'node:path'],
    ['an emulator with the SDK', 'emulator/a.ts', "import { B24Hook } from '@bitrix24/b24jssdk'", 'the SDK'],
    ['the SDK in http', 'server/http/a.ts', "import type { B } from '@bitrix24/b24jssdk'", 'the SDK'],
    ['the SDK in any page file', 'placement/api.ts', "await import('@bitrix24/b24jssdk')", 'the SDK'],
    [
      'the SDK in every opening of the page',
      'placement/frame.ts',
      "import { B24Frame } from '@bitrix24/b24jssdk'",
      'the SDK'
    ],
    ['a second writer of streams', 'server/http/runs.ts', "import stream from 'koa-sse-stream'", 'its only user'],
    [
      'a second writer of streams by the way that is in use',
      'server/http/runs.ts',
      "import stream from 'koa-sse-stream/lib/sse.js'",
      'its only user'
    ],
    ['an unknown package', 'server/http/a.ts', "import express from 'express'", 'express'],
    ['a main file that nothing drew', 'server/extra.ts', '', 'no layer'],
    ['the environment elsewhere', 'server/http/a.ts', 'const a = process.env.A', 'process.env'],
    ['the environment by its module', 'server/http/a.ts', "import { env } from 'node:process'", 'process.env'],
    ['a wait by the wall clock', 'server/core/a.ts', 'const endsAt = clock.now() + 5', 'wall clock'],
    ['a moment by the wall clock', 'server/core/a.ts', 'pace.free(clock.now())', 'wall clock'],
    ['a hand on the wall clock', 'server/store/a.ts', 'const time = Date.now', 'wall clock'],
    ['a date of now', 'server/http/a.ts', 'const late = new Date() > until', 'wall clock'],
    ['the console in the server', 'server/http/a.ts', "console.log('a')", 'console'],
    ['a drawer for everything', 'server/core/utils.ts', '', 'forbidden name: utils'],
    ['a folder for everything', 'server/helpers/a.ts', '', 'forbidden name: helpers'],
    ['a barrel', 'server/http/index.ts', '', 'forbidden name: index'],
    ['a drawer for types', 'emulator/types.d.ts', '', 'forbidden name: types'],
    ['a file without end', 'server/core/a.ts', `${'// line\n'.repeat(401)}`, '401 lines']
  ])('reports %s', (_what, file, source, expected) => {
    const problems = check({ [file]: source })
    expect(problems.filter(problem => problem.startsWith(file) && problem.includes(expected))).not.toEqual([])
  })

  test('lets a file have 400 lines', () => {
    expect(check({ 'server/core/a.ts': '// line\n'.repeat(400) })).toEqual([])
  })

  test('reports a cycle once, also one of types', () => {
    expect(
      check({
        'server/core/c.ts': "import { a } from './a.ts'",
        'server/core/a.ts': "import type { B } from './b.ts'",
        'server/core/b.ts': "import type { C } from './c.ts'"
      })
    ).toEqual(['cycle: server/core/a.ts → server/core/b.ts → server/core/c.ts → server/core/a.ts'])
    expect(check({ 'emulator/a.ts': "import { a } from './a.ts'" })).toEqual(['cycle: emulator/a.ts → emulator/a.ts'])
  })

  test('does not take a comment for code', () => {
    expect(
      check({
        'server/core/a.ts':
          "// console.log and process.env stay out\n/** import x from 'koa' */\n/*\nimport y from 'koa'\n*/"
      })
    ).toEqual([])
  })
})
