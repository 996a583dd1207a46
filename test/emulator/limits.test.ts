// The emulated portal's limits: requests, operating time, the cap of one request.
// Must stay true: counters are tested with given times, the portal with limits that do not depend on how fast the machine is.
import { request as httpRequest } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOperatingTime, createRequestBucket } from '../../emulator/limits.ts'
import { createOperatingHit } from '../../emulator/operating-hit.ts'
import { NEWEST_LIMITER, settingsOfPlan } from '../../emulator/settings.ts'
import { type BatchResult, batch, call, get, openPortal, type Reply } from './portal-client.ts'

describe('the request bucket', () => {
  it.each([
    ['standard', 50, 2],
    ['enterprise', 250, 5]
  ] as const)('of the %s plan takes a burst of %i and then %i a second', (plan, size, drain) => {
    const { bucket: settings } = settingsOfPlan(plan)
    const bucket = createRequestBucket(() => settings)
    const burst = Array.from({ length: size + 5 }, () => bucket.admit('a', 0))
    expect(burst.filter(Boolean)).toHaveLength(size)
    expect(bucket.admit('b', 0)).toBe(true)
    const second = Array.from({ length: 10 }, () => bucket.admit('a', 1000))
    expect(second.filter(Boolean)).toHaveLength(drain)
    expect(bucket.maxLevel).toBe(size)
    expect(bucket.level('a', 1000 + (size / drain) * 1000)).toBe(0)
  })

  it('never lets more through than burst and drain allow, whatever the schedule', () => {
    const { bucket: settings } = settingsOfPlan('standard')
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 400 }), pauses => {
        const bucket = createRequestBucket(() => settings)
        let now = 0
        let admitted = 0
        for (const pause of pauses) {
          now += pause
          if (bucket.admit('a', now)) admitted += 1
        }
        expect(admitted).toBeLessThanOrEqual(settings.size + (now / 1000) * settings.drainPerSecond + 1e-6)
      })
    )
  })

  it('trap 7: answers 503 QUERY_LIMIT_EXCEEDED and executes nothing', async () => {
    const portal = await openPortal({ bucket: { size: 3, drainPerSecond: 0 } })
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => call(portal, 'crm.company.add', { fields: { TITLE: 'x' } }))
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 503, 503])
    expect(answers.find(({ status }) => status === 503)?.text).toBe(
      '{"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"}'
    )
    expect(portal.state.counts().companies).toBe(3)
    expect(portal.stats).toMatchObject({ requests: 5, answers: { 200: 3, 503: 2 }, maxBucketLevel: 3 })
    portal.resetLimits()
    expect((await batch(portal, { a: 'profile', b: 'profile' })).result).toHaveProperty('b')
    expect((await call(portal, 'no.such')).status).toBe(404)
    expect((await call(portal, 'profile')).status).toBe(200)
    expect((await call(portal, 'no.such')).status).toBe(503)
    portal.configure({ bucket: { on: false } })
    expect((await call(portal, 'profile')).status).toBe(200)
  })

  it('trap 36: is shared by all credentials of one address and by nobody else, unless switched', async () => {
    const portal = await openPortal({ bucket: { size: 1, drainPerSecond: 0 } })
    const other = portal.webhook()
    expect((await call(portal, 'profile')).status).toBe(200)
    expect((await get(`${other}profile`)).status).toBe(503)
    const fromElsewhere = await new Promise<number | undefined>((resolve, reject) => {
      const options = { localAddress: '127.0.0.2' }
      httpRequest(`${other}profile`, options, response => resolve(response.resume().statusCode))
        .on('error', reject)
        .end()
    })
    expect(fromElsewhere).toBe(200)
    portal.configure({ bucket: { by: 'credential' } })
    expect((await get(`${other}profile`)).status).toBe(200)
    expect((await get(`${other}profile`)).status).toBe(503)
  })
})

describe('operating time', () => {
  const { operating: cloud } = settingsOfPlan('standard')
  const MINUTE = 60_000

  it('is a sum over a sliding window and is checked before a call, so a call may overshoot', () => {
    const time = createOperatingTime(() => cloud)
    for (let minute = 0; minute < 8; minute += 1) {
      expect(time.blocked('a', minute * MINUTE)).toBe(false)
      time.register('a', minute * MINUTE, 60)
    }
    expect(time.blocked('a', 8 * MINUTE)).toBe(false) // 480 is not more than 480
    time.register('a', 8 * MINUTE, 30)
    expect(time.blocked('a', 8 * MINUTE)).toBe(true)
    expect(time.blocked('b', 8 * MINUTE)).toBe(false)
    expect(time.read('a', 8 * MINUTE)).toEqual({ operating: 510, resetAt: 600_000 })
    expect(time.blocked('a', 10 * MINUTE - 1)).toBe(true)
    expect(time.blocked('a', 10 * MINUTE)).toBe(false)
    expect(time.read('a', 10 * MINUTE)).toEqual({ operating: 450, resetAt: 11 * MINUTE })
    expect(time.read('a', 30 * MINUTE)).toEqual({ operating: 0 })
  })

  it('in the ban model blocks for 300 seconds and then begins at zero', () => {
    const time = createOperatingTime(() => ({ ...cloud, model: 'ban' }))
    time.register('a', 0, 481)
    expect(time.blocked('a', 1000)).toBe(true)
    expect(time.read('a', 1000)).toEqual({ operating: 0, resetAt: 301_000 })
    time.register('a', 2000, 100) // was in flight
    expect(time.blocked('a', 300_999)).toBe(true)
    expect(time.blocked('a', 301_000)).toBe(false)
    expect(time.read('a', 301_000)).toEqual({ operating: 0 })
  })

  it('trap 37: what a method takes in one request is added up before it is compared with the threshold', async () => {
    const portal = await openPortal({ speed: { commandMs: 2 }, operating: { ignoreUpToSeconds: 0.005 } })
    const shown = async (cmd: object) => {
      const { body } = await call(portal, 'batch', { cmd })
      const { result_time } = body.result as BatchResult
      return [body.time.operating, ...Object.values(result_time).map(({ operating }) => operating)]
    }
    expect(await shown({ a: 'profile', b: 'profile', c: 'server.time' })).toEqual([0, 0, 0, 0])
    // 4 ms of one request and 6 ms of the next are two sums: only the second counts, and is seen by the third.
    expect(await shown({ a: 'profile', b: 'profile', c: 'profile', d: 'server.time' })).toEqual([0, 0, 0, 0, 0])
    expect(await shown({ a: 'profile', b: 'server.time' })).toEqual([0, 0.006, 0])
    portal.configure({ operating: { ignoreUpToSeconds: 0.001 } })
    expect(await shown({ a: 'profile', b: 'profile' })).toEqual([0, 0.008, 0.01])
  })

  it('does not see what other requests are at work on', () => {
    const time = createOperatingTime(() => cloud)
    const [one, other] = [createOperatingHit(time, () => cloud, 0), createOperatingHit(time, () => cloud, 0)]
    one.begin('a', 0)
    one.count('a', 500)
    expect([one.blocked('a', 1), other.blocked('a', 1)]).toEqual([true, false])
    expect(other.read('a', 1)).toEqual({ operating: 0, resetAt: 600_000 })
    one.finish()
    expect(other.blocked('a', 1)).toBe(true)
  })

  it('names the moment of its reset in every block, also where nothing is counted', async () => {
    const portal = await openPortal()
    const before = Math.floor(Date.now() / 1000)
    const { body } = await call(portal, 'batch', { cmd: { a: 'profile', b: 'server.time' } })
    const single = await call(portal, 'profile')
    const { result_time } = body.result as BatchResult
    for (const { operating, operating_reset_at: resetAt = 0 } of [
      body.time,
      single.body.time,
      ...Object.values(result_time)
    ] as { readonly [name: string]: number }[]) {
      expect([operating, Number.isInteger(resetAt), resetAt >= before + 600]).toEqual([0, true, true])
    }
  })

  it.each([
    ['none', undefined],
    ['batch', 0.003]
  ] as const)('by the newest limiter counts half of a batch, and refuses whole batches (%s)', async (inner, second) => {
    const portal = await openPortal({
      speed: { commandMs: 2 },
      operating: { ...NEWEST_LIMITER, limitSeconds: 0.005, ignoreUpToSeconds: 0.001, innerOperating: inner }
    })
    const send = () => call(portal, 'batch', { cmd: ['profile', 'server.time', 'profile'] })
    const inside = (reply: Reply) => (reply.body.result as BatchResult).result_time
    const [first, next] = [await send(), await send()]
    expect([first.body.time.operating, next.body.time.operating]).toEqual([0.003, 0.006])
    expect(Object.values(inside(next)).map(({ operating }) => operating)).toEqual([second, second, second])
    expect('operating_reset_at' in (inside(next)[0] ?? {})).toBe(inner === 'batch')
    const refused = await send()
    expect([refused.status, refused.body.error, refused.body.result]).toEqual([429, 'OPERATION_TIME_LIMIT', undefined])
    // Calls outside batches are counted by themselves, and say when their own ban ends.
    const single = await call(portal, 'profile')
    expect([single.status, single.body.time.operating]).toEqual([200, 0.002])
    portal.resetLimits()
    expect((await send()).status).toBe(200)
    expect(NEWEST_LIMITER).toEqual({ model: 'ban', limitSeconds: 420, banSeconds: 300, batchWeight: 0.5 })
  })

  it.each(['window', 'ban'] as const)(
    'blocks one method of one credential, alone with 429, in a batch by command (%s)',
    async model => {
      const portal = await openPortal({
        speed: { methodMs: { PROFILE: 2 } },
        operating: { model, limitSeconds: 0.003, ignoreUpToSeconds: 0.001 }
      })
      const { result, result_error } = await batch(portal, {
        a: 'profile',
        b: 'profile',
        c: 'profile',
        d: 'server.time'
      })
      expect(Object.keys(result)).toEqual(['a', 'b', 'd'])
      const refused = {
        error: 'OPERATION_TIME_LIMIT',
        error_description: 'Method is blocked due to operation time limit.'
      }
      expect(result_error).toEqual({ c: refused })
      const single = await call(portal, 'profile')
      expect([single.status, JSON.parse(single.text)]).toEqual([429, refused])
      expect((await get(`${portal.webhook()}profile`)).status).toBe(200)
      expect(portal.stats.limited).toEqual({ profile: 2 })
    }
  )

  it('comes back when the scaled window has passed', async () => {
    const portal = await openPortal({
      speed: { commandMs: 5 },
      operating: { limitSeconds: 0.004, windowSeconds: 0.2, ignoreUpToSeconds: 0 }
    })
    const first = await call(portal, 'profile')
    const resetAt = Number(first.body.time.operating_reset_at) * 1000
    expect((await call(portal, 'profile')).status).toBe(429)
    await expect.poll(async () => (await call(portal, 'profile')).status, { timeout: 5000 }).toBe(200)
    expect(Date.now()).toBeGreaterThanOrEqual(resetAt - 5)
  })

  it.each([3, -3])(
    'is told by the portal’s own clock, %i hours ahead of ours: nothing happens sooner or later',
    async hours => {
      const clockAheadMs = hours * 3_600_000
      const portal = await openPortal({
        ...{ clockAheadMs, speed: { commandMs: 5 } },
        operating: { limitSeconds: 0.004, windowSeconds: 0.2, ignoreUpToSeconds: 0 }
      })
      const { time, result } = (await call(portal, 'server.time')).body
      const finish = Number(time.finish)
      for (const said of [finish * 1000, Date.parse(String(time.date_finish)), Date.parse(result)])
        expect(Math.abs(said - clockAheadMs - Date.now())).toBeLessThan(60_000)
      const back = Number(time.operating_reset_at) - finish
      expect(back).toBeGreaterThan(0)
      expect(back).toBeLessThanOrEqual(0.2)
      await expect.poll(async () => (await call(portal, 'server.time')).status, { timeout: 5000 }).toBe(200)
    }
  )

  it('does not exist on a box', async () => {
    const portal = await openPortal({ plan: 'box', speed: { commandMs: 2 } })
    const { result_time } = await batch(portal, { a: 'profile' })
    expect(result_time.a).not.toHaveProperty('operating')
  })
})

describe('the cap of one request', () => {
  it('answers an HTML 504 while what was executed stays and the rest is not', async () => {
    const portal = await openPortal({ speed: { commandMs: 40 }, requestSeconds: 0.1 })
    const commands = Array.from({ length: 10 }, () => 'crm.company.add?fields[TITLE]=A')
    const { status, headers, text } = await call(portal, 'batch', { cmd: commands })
    expect([status, headers.get('content-type')]).toEqual([504, 'text/html'])
    expect(text).toContain('504 Gateway Time-out')
    expect(portal.state.counts().companies).toBe(2)
    const idle = await call(portal, 'crm.company.list')
    expect(idle.body.total).toBe(2)
  })
})

it('settings that cannot be meant are refused', async () => {
  const portal = await openPortal()
  expect(() => portal.configure({ speed: { workers: 0 } })).toThrow(RangeError)
  expect(() => portal.configure({ requestSeconds: -1 })).toThrow(RangeError)
  expect(() => portal.configure({ speed: { commandMs: Number.NaN } })).toThrow(RangeError)
})
