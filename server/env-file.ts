// The text of an `.env` file → its settings.
// Must stay true: a value is taken as it was meant, or the file is refused with what to do; no value is repeated.
import { parseEnv } from 'node:util'

/** What is wrong with the file: a sentence, or several lines. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError'
}

/** PowerShell's `>` saves so, with a byte order mark; other programs without. */
const isUtf16 = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff) || bytes.includes(0)

const NAME = /^[A-Za-z_][\w.-]*$/
/** Stands for a `#`: of private use, so it is in no file. */
const MARK = '\u{F0023}'

/**
 * The values whose end is missing: the parser takes any `#` outside quotes for the beginning of a comment. One behind a blank
 * was meant so; in the middle of a word it is part of a secret.
 */
const cutNames = (text: string, values: Readonly<Record<string, string>>): string[] =>
  Object.entries(parseEnv(text.replaceAll(/(?<=\S)#/g, MARK)))
    .filter(([name, value]) => (value ?? '').replaceAll(MARK, '#') !== values[name])
    .map(([name]) => name)

/** @throws {EnvFileError} */
export const parseEnvFile = (bytes: Uint8Array): Readonly<Record<string, string>> => {
  if (isUtf16(bytes)) {
    throw new EnvFileError(
      '.env is saved in UTF-16, as PowerShell does with ">". Save it in UTF-8, in PowerShell: (Get-Content .env) | Out-File -Encoding utf8 .env'
    )
  }
  // Takes a byte order mark away.
  const text = new TextDecoder().decode(bytes)
  const values = parseEnv(text) as Record<string, string> // undefined only in the type
  const cut = cutNames(text, values)
  const problems = Object.entries(values).flatMap(([name, value]) => {
    // The parser takes a line without "=" for the beginning of the next name.
    if (!NAME.test(name))
      return `${name.split('\n').at(-1)}: stands behind a line that is neither NAME=value nor a comment`
    if (cut.includes(name))
      return `${name}: has a # in its value, which begins a comment. Put the value between quotes, as in ${name}="…"`
    return value.includes('\u{FFFD}') ? `${name}: is not in UTF-8. Save the file in UTF-8` : []
  })
  if (problems.length > 0) throw new EnvFileError(['.env has lines that cannot be read:', ...problems].join('\n  - '))
  return values
}
