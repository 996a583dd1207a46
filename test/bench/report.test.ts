// The page of speed says what its data file says.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { renderCost } from '../../bench/cost.ts'
import { renderSpeed, resultsSchema } from '../../bench/report.ts'

const results = resultsSchema.parse(JSON.parse(readFileSync('bench/results.json', 'utf8')))

it('docs/speed.md is rendered from bench/results.json', () => {
  expect(readFileSync('docs/speed.md', 'utf8')).toBe(renderSpeed(results))
})

it('docs/cost.md is rendered from bench/cost.json, and says of every goal whether it was met', () => {
  const cost = JSON.parse(readFileSync('bench/cost.json', 'utf8')) as Parameters<typeof renderCost>[0] // our own file
  const page = readFileSync('docs/cost.md', 'utf8')
  expect(page).toBe(renderCost(cost))
  for (const { what, met } of cost.goals) expect(page).toContain(`  ${met ? 'met   ' : 'MISSED'}  ${what}`)
})

it('a portal refused us at most once a run for its request bucket', () => {
  for (const { contender, refused } of results.results)
    if (contender === 'BitrixCorp') expect(refused).toBeLessThanOrEqual(1)
})
