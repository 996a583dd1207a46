// The rejected rows of a run as CSV: for programs as they are stored, for people in their language.
// Must stay true: streams; without a language the columns and codes never change.
import type { Rejection } from '../core/run/run.ts'
import { csvLine } from './csv.ts'
import type { Language, Translations } from './translate.ts'

/** As spreadsheets set to that language expect it. */
const SEPARATORS: Readonly<Record<Language, string>> = { ru: ';', en: ',' }
/** Makes spreadsheets read UTF-8. */
const MARK = '\uFEFF'

async function* linesForPrograms(rejections: AsyncIterable<Rejection>): AsyncGenerator<string> {
  yield MARK + csvLine(['entity', 'row', 'code', 'message'])
  for await (const { entity, row, code, message } of rejections) yield csvLine([entity, String(row), code, message])
}

/** The head of the file, then a line for each row. `language`: undefined for programs. */
export async function* rejectionLines(
  rejections: AsyncIterable<Rejection>,
  translations: Translations,
  language: Language | undefined
): AsyncGenerator<string> {
  if (language === undefined) return yield* linesForPrograms(rejections)
  const t = translations.in(language)
  const separator = SEPARATORS[language]
  const heads = ['entity', 'row', 'code', 'reason'].map(head => t(`page.failures.${head}`))
  yield MARK + csvLine(heads, separator)
  for await (const { entity, row, code, message } of rejections) {
    const reason = translations.problem(language, code, message)
    yield csvLine([t(`page.entity.${entity}`), String(row), code, reason], separator)
  }
}
