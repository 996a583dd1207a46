// What the core relies on in any portal, as one suite: the emulated portal and a real one must both pass it.
// Must stay true: leaves nothing behind; touches only records that carry its own origin tag.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlreadyGone } from '../../server/core/clear/deleted.ts'
import { type EntityName, entities } from '../../server/core/entities.ts'
import type { Command, CommandOutcome, Portal } from '../../server/core/portal.ts'

export interface PortalUnderTest {
  readonly portal: Portal
  close(): Promise<void>
}

/** Not the app's own: a run of the app must never see these records. */
const ORIGINATOR_ID = 'BITRIXCORP-CONTRACT'

export const portalSuite = (name: string, open: () => Promise<PortalUnderTest>): void => {
  describe(name, () => {
    const origin = randomUUID()
    const made: { entity: EntityName; id: number }[] = []
    let subject: PortalUnderTest
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(async () => {
      if (made.length > 0) {
        const leftovers = made.map(({ entity, id }) => ({
          key: `${entity}${id}`,
          method: entities[entity].delete,
          params: { id }
        }))
        await subject.portal.execute(leftovers, { halt: false })
      }
      await subject.close()
    })

    const run = async (commands: readonly Command[], halt = false): Promise<Record<string, CommandOutcome>> =>
      Object.fromEntries((await subject.portal.execute(commands, { halt })).outcomes)
    const only = async (method: string, params: Command['params']): Promise<CommandOutcome | undefined> =>
      (await run([{ key: 'a', method, params }]))['a']
    const tag = (row: number) => ({ ORIGINATOR_ID, ORIGIN_ID: `${origin}:${row}` })
    const idOf = (entity: EntityName, outcome: CommandOutcome | undefined): number => {
      if (outcome?.kind !== 'ok') throw new Error(`Not created: ${JSON.stringify(outcome)}`)
      const id = Number(outcome.result)
      made.push({ entity, id })
      return id
    }
    const list = async (entity: EntityName, select: readonly string[], row: number): Promise<unknown> => {
      const outcome = await only(entities[entity].list, {
        filter: { '=ORIGINATOR_ID': ORIGINATOR_ID, '@ORIGIN_ID': [`${origin}:${row}`] },
        order: { ID: 'ASC' },
        select,
        start: -1
      })
      return outcome?.kind === 'ok' ? outcome.result : outcome
    }
    const companyAndContact = (row: number): Command[] => [
      {
        key: 'c',
        method: entities.company.add,
        params: { fields: { TITLE: `Договор & Ко + 100% #${row}`, ...tag(row) } }
      },
      {
        key: 'p',
        method: entities.contact.add,
        params: {
          fields: {
            NAME: 'Анна',
            SECOND_NAME: 'Ивановна',
            LAST_NAME: 'Смирнова',
            PHONE: [{ VALUE: '+70000000001', VALUE_TYPE: 'WORK' }],
            COMPANY_ID: '$result[c]',
            ...tag(row)
          }
        }
      }
    ]

    test('a contact travels with its company by reference, and both are found by their origin tag', async () => {
      const outcomes = await run(companyAndContact(1), true)
      const company = idOf('company', outcomes['c'])
      const contact = idOf('contact', outcomes['p'])
      expect(await list('company', ['ID', 'TITLE', 'ORIGIN_ID'], 1)).toEqual([
        expect.objectContaining({ ID: String(company), TITLE: 'Договор & Ко + 100% #1', ORIGIN_ID: `${origin}:1` })
      ])
      expect(await list('contact', ['ID', 'SECOND_NAME', 'COMPANY_ID', 'PHONE'], 1)).toEqual([
        expect.objectContaining({
          ID: String(contact),
          SECOND_NAME: 'Ивановна',
          COMPANY_ID: String(company),
          PHONE: [expect.objectContaining({ VALUE: '+70000000001' })]
        })
      ])
    })

    test('with halt, the commands behind an error are skipped and nothing of them is applied', async () => {
      const [, contact] = companyAndContact(2)
      if (contact === undefined) throw new Error('no command')
      const outcomes = await run(
        [{ key: 'c', method: entities.company.update, params: { id: 0, fields: {} } }, contact],
        true
      )
      expect(outcomes).toMatchObject({ c: { kind: 'refused' }, p: { kind: 'skipped' } })
      expect(await list('contact', ['ID'], 2)).toEqual([])
    })

    test('without halt, every command has its own outcome, and its time', async () => {
      const reply = await subject.portal.execute(
        [
          { key: 'good', method: 'profile', params: {} },
          { key: 'bad', method: entities.contact.delete, params: { id: 0 } },
          { key: 'none', method: 'crm.no.such.method', params: {} },
          { key: 'last', method: 'server.time', params: {} }
        ],
        { halt: false }
      )
      expect(Object.fromEntries(reply.outcomes)).toMatchObject({
        good: { kind: 'ok' },
        bad: { kind: 'refused', message: expect.stringMatching(/ID is not defined/) },
        none: { kind: 'blocked', code: 'ERROR_METHOD_NOT_FOUND' },
        last: { kind: 'ok', result: expect.any(String) }
      })
      expect([...reply.times.keys()]).toEqual(['good', 'last'])
      expect(reply.duration).toBeGreaterThanOrEqual(0)
      expect(Math.abs((reply.finishedAt ?? 0) - Date.now())).toBeLessThan(3_600_000)
    })

    test('lists go on behind an id, upwards and downwards, without counting', async () => {
      const adds = [3, 4, 5].map(row => ({
        key: `c${row}`,
        method: entities.company.add,
        params: { fields: { TITLE: `Список ${row}`, ...tag(row) } }
      }))
      const outcomes = await run(adds)
      const ids = adds.map(({ key }) => idOf('company', outcomes[key])).sort((a, b) => a - b)
      const page = async (bound: object, direction: string): Promise<unknown> => {
        const filter = {
          '=ORIGINATOR_ID': ORIGINATOR_ID,
          '@ORIGIN_ID': [3, 4, 5].map(row => `${origin}:${row}`),
          ...bound
        }
        const order = { ID: direction }
        const outcome = await only(entities.company.list, { filter, order, select: ['ID'], start: -1 })
        return outcome?.kind === 'ok' ? outcome.result : outcome
      }
      const rows = ids.map(id => ({ ID: String(id) }))
      expect(await page({ '>ID': ids[0] }, 'ASC')).toEqual(rows.slice(1))
      expect(await page({ '<ID': ids[2] }, 'DESC')).toEqual(rows.slice(0, 2).reverse())
    })

    test('an update changes the record; a second delete says that it is gone', async () => {
      const outcomes = await run(companyAndContact(6), true)
      const id = idOf('company', outcomes['c'])
      const contact = idOf('contact', outcomes['p'])
      expect(await only(entities.company.update, { id, fields: { TITLE: 'Новое имя' } })).toMatchObject({
        kind: 'ok',
        result: true
      })
      expect(await list('company', ['TITLE'], 6)).toEqual([expect.objectContaining({ TITLE: 'Новое имя' })])
      for (const [entity, record] of [['contact', contact] as const, ['company', id] as const]) {
        expect(await only(entities[entity].delete, { id: record })).toMatchObject({ kind: 'ok', result: true })
        const again = await only(entities[entity].delete, { id: record })
        if (again?.kind !== 'refused') throw new Error(`Deleted twice: ${JSON.stringify(again)}`)
        expect(isAlreadyGone(again.code, again.message)).toBe(true)
        expect(await list(entity, ['ID'], 6)).toEqual([])
      }
    })
  })
}
