// The page of proof says what its data file says, and that is good enough to be shown.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type ReportData, renderReport } from '../../chaos/report.ts'
import { drawSchedule } from '../../chaos/schedule.ts'

const data = JSON.parse(readFileSync('docs/exactly-once.json', 'utf8')) as ReportData // written by chaos/main.ts

it('docs/exactly-once.md is rendered from docs/exactly-once.json', () => {
  expect(readFileSync('docs/exactly-once.md', 'utf8')).toBe(renderReport(data))
})

it('at least 1,000 rounds with kills and faults left no duplicate and lost nothing', () => {
  expect(data.rounds).toBeGreaterThanOrEqual(1000)
  expect(data.kills).toBeGreaterThan(data.rounds / 2)
  expect(Object.keys(data.faults).length).toBeGreaterThanOrEqual(15)
  expect(data.stores.postgres).toBeGreaterThan(80)
  expect(data.takeovers).toBeGreaterThan(40)
  expect(data.freezes).toBeGreaterThan(60)
  expect({ failed: data.failed, duplicates: data.duplicates, lost: data.lost }).toEqual({
    failed: 0,
    duplicates: 0,
    lost: 0
  })
})

it('kill moments walk through every commit, before and after it', () => {
  const schedules = Array.from({ length: 480 }, (_, round) => drawSchedule(round, round))
  const moments = schedules.flatMap(({ store, lives }) => (store === 'embedded' ? [lives[0]?.[0]?.[0]?.at] : []))
  expect(new Set(moments.map(moment => JSON.stringify(moment))).size).toBe(48)
})

it('about one round in eight has two processes on PostgreSQL, of which one is killed, stopped or frozen', () => {
  const schedules = Array.from({ length: 800 }, (_, round) => drawSchedule(round, round))
  const pairs = schedules.filter(({ store }) => store === 'postgres')
  expect(pairs.length).toBeGreaterThan(60)
  expect(pairs.length).toBeLessThan(140)
  for (const { lives } of pairs) expect([lives.length, lives[0]?.[0]?.length]).toEqual([2, 1])
  expect(new Set(pairs.map(({ lives }) => lives[0]?.[0]?.[0]?.signal))).toEqual(
    new Set(['SIGKILL', 'SIGTERM', 'SIGSTOP'])
  )
  expect(new Set(pairs.map(({ autoResume }) => autoResume)).size).toBe(2)
})

it('a round is drawn from its seed and number alone', () => {
  for (let round = 0; round < 40; round += 1) expect(drawSchedule(round, round)).toEqual(drawSchedule(round, round))
})
