// What all rounds come to.
// Must stay true: pure; every figure is a sum over rounds.
import type { ReportData } from './report.ts'
import type { RoundResult } from './round.ts'

export const tally = (results: readonly RoundResult[]): Omit<ReportData, 'version' | 'seed'> => {
  const sum = (pick: (result: RoundResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0)
  const count = (is: (result: RoundResult) => boolean): number => results.filter(is).length
  const faults: Record<string, number> = {}
  for (const result of results) {
    for (const [kind, times] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + times
  }
  return {
    rounds: results.length,
    failed: count(({ problems }) => problems.length > 0),
    doors: {
      webhook: count(({ door }) => door === 'webhook'),
      application: count(({ door }) => door === 'application')
    },
    stores: {
      embedded: count(({ store }) => store === 'embedded'),
      postgres: count(({ store }) => store === 'postgres')
    },
    rows: sum(({ rows }) => rows),
    rejected: sum(({ rejected }) => rejected),
    duplicates: sum(({ duplicates }) => duplicates),
    lost: sum(({ lost }) => lost),
    kills: sum(({ blows }) => blows.kills),
    stops: sum(({ blows }) => blows.stops),
    freezes: sum(({ blows }) => blows.freezes),
    takeovers: sum(({ takeovers }) => takeovers),
    droppedConnections: sum(({ droppedConnections }) => droppedConnections),
    faults: Object.fromEntries(Object.entries(faults).sort(([a], [b]) => a.localeCompare(b)))
  }
}

export const describeTally = (data: Omit<ReportData, 'version' | 'seed'>): string => {
  const faults = Object.values(data.faults).reduce((a, b) => a + b, 0)
  return [
    `${data.rounds} rounds (${data.doors.application} as an application, ${data.stores.postgres} of two processes on PostgreSQL)`,
    `${data.kills} kills, ${data.stops} stops, ${data.freezes} freezes, ${data.takeovers} takeovers, ${data.droppedConnections} dropped connections, ${faults} faults`,
    `${data.rows} rows: ${data.duplicates} duplicates, ${data.lost} lost, ${data.failed} rounds failed`
  ].join('\n')
}
