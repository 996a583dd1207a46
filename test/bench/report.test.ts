// The page of speed says what its data file says.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { renderSpeed, resultsSchema } from '../../bench/report.ts'

const results = resultsSchema.parse(JSON.parse(readFileSync('bench/results.json', 'utf8')))

it('docs/speed.md is rendered from bench/results.json', () => {
  expect(readFileSync('docs/speed.md', 'utf8')).toBe(renderSpeed(results))
})

it('a portal refused us at most once a run for its request bucket', () => {
  for (const { contender, refused } of results.results)
    if (contender === 'BitrixCorp') expect(refused).toBeLessThanOrEqual(1)
})
