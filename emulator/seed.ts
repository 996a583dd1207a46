// Fills an emulated portal with records that look like somebody's real data.
// Must stay true: same options, same records (times aside); phones are of a range that is assigned to nobody.
import type { LinkTable } from './links.ts'
import { portalTime } from './portal-time.ts'
import type { CrmRecord, Multifield, RecordValues } from './records.ts'

/** What seeding needs of a portal's state. */
export interface SeedTarget {
  readonly utcOffsetMinutes: number
  readonly links: LinkTable
  multifield(kind: string, type: string, value: string): Multifield
  insert(
    entity: 'company' | 'contact',
    values: RecordValues,
    multifields: readonly Multifield[],
    id?: number
  ): CrmRecord
}

/** One record as a test wants it: classic field names, stored as given (no validation). */
interface SeedRecord {
  readonly id?: number
  readonly fields?: Readonly<RecordValues>
  readonly phones?: readonly string[]
  readonly emails?: readonly string[]
  /** Contacts only: companies in order, the first is the primary one. */
  readonly companyIds?: readonly number[]
}

export interface SeedOptions {
  /** How many plausible records, or exactly which. */
  readonly companies?: number | readonly SeedRecord[]
  readonly contacts?: number | readonly SeedRecord[]
  /** Plausible legal entities of the portal's owner (IS_MY_COMPANY), before the others; default 0. They never have an origin tag. */
  readonly myCompanies?: number
  /** Origin tag of plausible records: `originatorId` with `seed:<n>`. Without it they have none, like records made by hand. */
  readonly originatorId?: string
}

const FORMS = ['ООО', 'АО', 'ЗАО', 'ИП']
const WORDS = ['Вектор', 'Север', 'Маяк', 'Орион', 'Прогресс', 'Каскад', 'Рубин', 'Горизонт', 'Альянс', 'Статус']
const TRADES = ['Строй', 'Торг', 'Сервис', 'Логистик', 'Мед', 'Агро', 'Пром', 'Софт']
const LAST_NAMES = ['Иванов', 'Петров', 'Смирнов', 'Кузнецов', 'Соколов', 'Попов', 'Лебедев', 'Новиков', 'Морозов']
const NAMES = ['Александр', 'Дмитрий', 'Максим', 'Сергей', 'Андрей', 'Алексей', 'Иван']
const SECOND_NAMES = ['Сергеевич', 'Иванович', 'Петрович', 'Андреевич', 'Алексеевич']

const pick = (from: readonly string[], at: number) => from[at % from.length] as string

function plausibleCompany(at: number): SeedRecord {
  const title = `${pick(FORMS, at)} «${pick(WORDS, at)}${pick(TRADES, at * 7 + 3)}» ${at + 1}`
  return { fields: { TITLE: title, INDUSTRY: 'OTHER' }, phones: [phone(2, at)] }
}

function plausibleContact(at: number, companyIds: readonly number[]): SeedRecord {
  const companyId = companyIds[at % companyIds.length]
  return {
    fields: {
      NAME: pick(NAMES, at),
      SECOND_NAME: pick(SECOND_NAMES, at * 3 + 1),
      LAST_NAME: pick(LAST_NAMES, at * 5 + 2)
    },
    phones: [phone(3, at)],
    companyIds: companyId === undefined ? [] : [companyId]
  }
}

/** +7 0… is no area code in Russia's numbering plan, so nobody owns these numbers. */
const phone = (series: number, at: number) => `+70${series}${String(at).padStart(8, '0')}`

/** Stores the records. @throws {Error} when a given id is taken. */
export function seedPortal(state: SeedTarget, options: SeedOptions, now: number): void {
  const time = portalTime(now, state.utcOffsetMinutes)
  const common: RecordValues = {
    ASSIGNED_BY_ID: '1',
    CREATED_BY_ID: '1',
    MODIFY_BY_ID: '1',
    DATE_CREATE: time,
    DATE_MODIFY: time,
    LAST_ACTIVITY_BY: '1',
    LAST_ACTIVITY_TIME: time
  }
  const tag = (at: number): RecordValues =>
    options.originatorId === undefined ? {} : { ORIGINATOR_ID: options.originatorId, ORIGIN_ID: `seed:${at}` }
  const multifields = (record: SeedRecord): Multifield[] => [
    ...(record.phones ?? []).map(value => state.multifield('PHONE', 'WORK', value)),
    ...(record.emails ?? []).map(value => state.multifield('EMAIL', 'WORK', value))
  ]
  const store = (entity: 'company' | 'contact', record: SeedRecord, values: RecordValues) => {
    const fields = { ...common, ...values, ...record.fields }
    return state.insert(entity, fields, multifields(record), record.id).id
  }

  const { companies = 0, contacts = 0, myCompanies = 0 } = options
  for (let at = 0; at < myCompanies; at += 1) {
    store('company', { fields: { TITLE: `${pick(FORMS, at)} «Наша компания» ${at + 1}` } }, { IS_MY_COMPANY: 'Y' })
  }
  const companyIds: number[] = []
  if (typeof companies === 'number') {
    for (let at = 0; at < companies; at += 1) companyIds.push(store('company', plausibleCompany(at), tag(at)))
  } else {
    for (const record of companies) companyIds.push(store('company', record, {}))
  }
  const contactCount = typeof contacts === 'number' ? contacts : contacts.length
  for (let at = 0; at < contactCount; at += 1) {
    const record = typeof contacts === 'number' ? plausibleContact(at, companyIds) : (contacts[at] as SeedRecord)
    const id = store('contact', record, typeof contacts === 'number' ? tag(at) : {})
    state.links.replace(
      id,
      (record.companyIds ?? []).map(companyId => ({ companyId }))
    )
  }
}
