// Events of compacted journals in few bytes: rows and ids as steps, refusals of one kind together.
// Must stay true: unpack(pack(event)) is the event; what is not packed passes as it is.
import type { Rejection, Rows, RunEvent } from '../core/run/run.ts'

/** Numbers as the steps from one to the next, beginning at 0: 1, 2, 3, 7 are `1*3,4`. Any order, any sign. */
const packNumbers = (numbers: readonly number[]): string => {
  const parts: string[] = []
  let last = 0
  let step = 0
  let times = 0
  const end = (): void => {
    if (times > 0) parts.push(times === 1 ? `${step}` : `${step}*${times}`)
  }
  for (const number of numbers) {
    if (times > 0 && number - last === step) times += 1
    else {
      end()
      step = number - last
      times = 1
    }
    last = number
  }
  end()
  return parts.join(',')
}

const unpackNumbers = (text: string): number[] => {
  const numbers: number[] = []
  let last = 0
  for (const part of text === '' ? [] : text.split(',')) {
    const [step, times = '1'] = part.split('*')
    for (let count = 0; count < Number(times); count += 1) {
      last += Number(step)
      numbers.push(last)
    }
  }
  return numbers
}

type PackedRows = { readonly [entity in keyof Rows]: string }
type PackedRejections = Omit<Rejection, 'row'> & { readonly rows: string }

/** The members of events that name rows or ids. */
const ROWS = ['rows', 'ok', 'ids', 'returned', 'unknown', 'missing', 'extras'] as const

const mapRows = <From, To>(rows: { readonly [entity: string]: From }, map: (part: From) => To): object =>
  Object.fromEntries(Object.entries(rows).map(([entity, part]) => [entity, map(part)]))

/** Neighbours that were refused for the same reason. */
const packRejections = (rejections: readonly Rejection[]): PackedRejections[] => {
  const groups: { readonly first: Rejection; readonly rows: number[] }[] = []
  for (const rejection of rejections) {
    const last = groups.at(-1)
    const { entity, code, message } = last?.first ?? {}
    if (last !== undefined && rejection.entity === entity && rejection.code === code && rejection.message === message)
      last.rows.push(rejection.row)
    else groups.push({ first: rejection, rows: [rejection.row] })
  }
  return groups.map(({ first: { row: _row, ...same }, rows }) => ({ ...same, rows: packNumbers(rows) }))
}

const unpackRejections = (groups: readonly (PackedRejections | Rejection)[]): Rejection[] =>
  groups.flatMap(group => {
    if (!('rows' in group)) return [group]
    const { rows, ...same } = group
    return unpackNumbers(rows).map(row => ({ ...same, row }))
  })

/** What is stored in an event's place. */
export const pack = (event: RunEvent): object => {
  const packed: Record<string, unknown> = { ...event }
  for (const name of ROWS) {
    if (name in packed) packed[name] = mapRows(packed[name] as Record<string, number[]>, packNumbers)
  }
  if ('rejected' in event) packed['rejected'] = packRejections(event.rejected)
  return packed
}

/** @param stored what `pack` gave, or an event as it is */
export const unpack = (stored: object): object => {
  const event: Record<string, unknown> = { ...stored }
  const unpackPart = (part: number[] | string): number[] => (typeof part === 'string' ? unpackNumbers(part) : part)
  for (const name of ROWS) {
    const rows = event[name]
    if (typeof rows === 'object' && rows !== null) event[name] = mapRows(rows as Rows & PackedRows, unpackPart)
  }
  if (Array.isArray(event['rejected'])) event['rejected'] = unpackRejections(event['rejected'])
  return event
}
