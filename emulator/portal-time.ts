// Times as a portal writes and reads them: ISO 8601 with the portal's own offset (protocol.md, 4.1).
// Must stay true: every stored time has the portal's offset, so texts of times sort as times do.

let lastKey = ''
let lastText = ''

/** Unix milliseconds → `2024-03-11T16:36:46+03:00`. */
export function portalTime(milliseconds: number, offsetMinutes: number): string {
  // Records are written in bursts within one second: the last text is usually the right one.
  const key = `${Math.floor(milliseconds / 1000)}/${offsetMinutes}`
  if (key !== lastKey) {
    const sign = offsetMinutes < 0 ? '-' : '+'
    const minutes = Math.abs(offsetMinutes)
    const zone = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
    lastText = `${new Date(milliseconds + offsetMinutes * 60_000).toISOString().slice(0, 19)}${sign}${zone}`
    lastKey = key
  }
  return lastText
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i
const RUSSIAN = /^(\d\d)\.(\d\d)\.(\d{4})(?:\s+(\d\d):(\d\d)(?::(\d\d))?)?$/

/** Reads ISO 8601, `YYYY-MM-DD[ hh:mm:ss]` and `DD.MM.YYYY[ hh:mm:ss]`; without an offset it is portal time. Undefined when it is no time. */
export function readPortalTime(text: string, offsetMinutes: number): number | undefined {
  const iso = ISO.exec(text.trim())
  const russian = iso === null ? RUSSIAN.exec(text.trim()) : null
  const parts = iso ?? (russian && [russian[0], russian[3], russian[2], russian[1], ...russian.slice(4)])
  if (!parts) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(part => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 59) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second) - offsetOf(parts[7], offsetMinutes) * 60_000
}

const DAY_MS = 86_400_000

/** The day of a moment in the portal's zone, as portals keep it: its midnight in UTC. Such a midnight is its own day. */
export function dayOf(milliseconds: number, offsetMinutes: number): number {
  if (milliseconds % DAY_MS === 0) return milliseconds
  return Math.floor((milliseconds + offsetMinutes * 60_000) / DAY_MS) * DAY_MS
}

function offsetOf(zone: string | undefined, offsetMinutes: number): number {
  if (zone === undefined) return offsetMinutes
  if (zone.toUpperCase() === 'Z') return 0
  const digits = zone.replace(':', '')
  const minutes = Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5))
  return digits.startsWith('-') ? -minutes : minutes
}
