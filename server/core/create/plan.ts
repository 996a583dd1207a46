// The rows of a create run: which entity each is, whom it belongs to, and what is sent for it.
// Must stay true: everything is computed from the row number; nothing holds the rows. Row 1 is the first company.
import { type EntityName, ORIGINATOR_ID } from '../entities.ts'
import type { Params } from '../portal.ts'
import type { Recipe } from '../recipe.ts'
import { sampleCompany, sampleContact } from '../sample/sample.ts'

/** Rows 1..companies are companies, companies+1..total are contacts. All methods throw a RangeError for other rows. */
export interface Plan {
  readonly total: number
  readonly companies: number
  readonly contacts: number
  /** Id of the company, there already, that all contacts belong to; undefined: they belong to the plan's own. */
  readonly existingCompany: number | undefined
  entityOf(row: number): EntityName
  /** Row of the company that a contact is linked to: contact i belongs to company i modulo companies; 0 = the existing company. */
  companyOf(row: number): number
  /** Rows of the contacts that are linked to a company (0 = the existing one), ascending. */
  contactsOf(companyRow: number): Iterable<number>
  /**
   * Parameters of `crm.company.add` or `crm.contact.add`. A contact needs `companyId`: the company's id, or a reference
   * to its result in the same batch (`$result[...]`).
   */
  addParams(row: number, companyId?: number | string): Params
  /** The row's ORIGIN_ID: `<run id>:<row>`. */
  originId(row: number): string
  /** The row that an ORIGIN_ID names; undefined for the tags of other runs and other applications. */
  rowOfOriginId(text: string): number | undefined
}

export const createPlan = (recipe: Recipe, runId: string): Plan => {
  const { companies, contacts, companyId: existingCompany } = recipe
  const total = companies + contacts

  const entityOf = (row: number): EntityName => {
    if (!Number.isInteger(row) || row < 1 || row > total) throw new RangeError(`No row ${row} among ${total}`)
    return row <= companies ? 'company' : 'contact'
  }
  const expect = (entity: EntityName, row: number): void => {
    if (entityOf(row) !== entity) throw new RangeError(`Row ${row} is no ${entity}`)
  }
  const originId = (row: number): string => {
    entityOf(row)
    return `${runId}:${row}`
  }
  const work = (phone: string) => [{ VALUE: phone, VALUE_TYPE: 'WORK' }]
  const tag = (row: number) => ({ OPENED: 'Y', ORIGINATOR_ID, ORIGIN_ID: originId(row) })

  return {
    total,
    companies,
    contacts,
    existingCompany,
    entityOf,
    companyOf(row) {
      expect('contact', row)
      return existingCompany === undefined ? ((row - companies - 1) % companies) + 1 : 0
    },
    contactsOf(companyRow) {
      if (companyRow !== 0 || existingCompany === undefined) expect('company', companyRow)
      const step = Math.max(1, companies)
      const first = companies + Math.max(1, companyRow)
      return (function* () {
        for (let row = first; row <= total; row += step) yield row
      })()
    },
    addParams(row, companyId) {
      if (entityOf(row) === 'company') {
        const { title, phone } = sampleCompany(recipe, row - 1)
        return { fields: { TITLE: title, PHONE: work(phone), ...tag(row) } }
      }
      // A contact without its company would be an orphan that nothing links later.
      if (companyId === undefined) throw new RangeError(`Contact row ${row} needs its company`)
      const { lastName, firstName, secondName, phone } = sampleContact(recipe, row - companies - 1)
      return {
        fields: {
          NAME: firstName,
          SECOND_NAME: secondName,
          LAST_NAME: lastName,
          PHONE: work(phone),
          COMPANY_ID: companyId,
          ...tag(row)
        }
      }
    },
    originId,
    rowOfOriginId(text) {
      if (!text.startsWith(`${runId}:`)) return undefined
      const digits = text.slice(runId.length + 1)
      // Only our own spelling: `01`, `+1` and `1e3` are somebody else's.
      if (!/^[1-9]\d{0,8}$/.test(digits)) return undefined
      const row = Number(digits)
      return row <= total ? row : undefined
    }
  }
}
