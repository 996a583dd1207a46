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
  expect(data.kills.SIGKILL).toBeGreaterThan(data.rounds / 2)
  expect(Object.keys(data.faults).length).toBeGreaterThanOrEqual(15)
  expect({ failed: data.failed, duplicates: data.duplicates, lost: data.lost }).toEqual({
    failed: 0,
    duplicates: 0,
    lost: 0
  })
})

it('kill moments walk through every commit, before and after it', () => {
  const moments = Array.from({ length: 48 }, (_, round) => drawSchedule(round, round).kills[0])
  expect(new Set(moments.map(kill => JSON.stringify(kill))).size).toBe(48)
})
