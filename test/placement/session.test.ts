// Renewing the session of a page in a portal's frame.
// Must stay true: a lost answer is tried again before the session ends; only a refusal ends it.
import { expect, test } from 'vitest'
import { ApiError } from '../../placement/api.ts'
import { createReproof, keepSession } from '../../placement/session.ts'

const SESSION_MS = 15 * 60_000

/** Lets a session live through these answers to its renewals. */
const live = async (answers: readonly (string | ApiError)[]) => {
  const left = [...answers]
  const waits: number[] = []
  const renewed: string[] = []
  const over: string[] = []
  await keepSession({
    async renew() {
      const answer = left.shift() ?? new ApiError(401, 'SESSION_INVALID', 'over')
      if (typeof answer !== 'string') throw answer
      return answer
    },
    renewed: session => renewed.push(session),
    over: ({ code }) => over.push(code),
    wait: async ms => void waits.push(ms)
  })
  return { waits, renewed, over, left }
}

test('is renewed long before it ends, again and again', async () => {
  const { waits, renewed, over } = await live(['a', 'b'])
  expect([renewed, over]).toEqual([['a', 'b'], ['SESSION_INVALID']])
  expect(waits).toHaveLength(3)
  expect(Math.max(...waits)).toBeLessThan(SESSION_MS)
})

test('a server that is away for four minutes does not end it', async () => {
  const away = new ApiError(0, 'NETWORK', 'no answer')
  const broken = new ApiError(502, 'PORTAL_UNREACHABLE', 'portal')
  const { waits, renewed } = await live([away, broken, ...Array(10).fill(away), 'a'])
  expect(renewed).toEqual(['a'])
  expect(waits.slice(0, 13).reduce((sum, ms) => sum + ms)).toBeLessThan(SESSION_MS)
  expect(waits[13]).toBe(waits[0])
})

test('a refusal ends it at once, whatever would come after', async () => {
  for (const status of [401, 403]) {
    const { over, left } = await live([new ApiError(status, 'SOME_CODE', 'no'), 'never'])
    expect([over, left]).toEqual([['SOME_CODE'], ['never']])
  }
})

test('one proof is enough for all requests that were refused meanwhile, and the next refusal asks anew', async () => {
  const renewed: string[] = []
  let asked = 0
  const reprove = createReproof({ prove: async () => `session ${++asked}`, renewed: session => renewed.push(session) })
  expect(await Promise.all([reprove(), reprove(), reprove()])).toEqual([true, true, true])
  expect(await reprove()).toBe(true)
  expect(renewed).toEqual(['session 1', 'session 2'])
})

test('a refused proof ends the session; one without an answer does not, and may be tried again', async () => {
  const answers: (string | ApiError)[] = [
    new ApiError(0, 'NETWORK', 'no answer'),
    new ApiError(502, 'AUTHORIZATION_UNREACHABLE', 'no answer'),
    new ApiError(401, 'SESSION_INVALID', 'over'),
    new ApiError(0, 'FRAME_SILENT', 'refused by the portal'),
    'another'
  ]
  const reprove = createReproof({
    async prove() {
      const answer = answers.shift()
      if (typeof answer !== 'string') throw answer
      return answer
    },
    renewed: () => undefined
  })
  await expect(reprove()).rejects.toMatchObject({ code: 'NETWORK' })
  await expect(reprove()).rejects.toMatchObject({ code: 'AUTHORIZATION_UNREACHABLE' })
  expect([await reprove(), await reprove(), await reprove()]).toEqual([false, false, true])
})
