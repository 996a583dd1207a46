// One line of CSV.
// Must stay true: no cell can be taken for a formula by a spreadsheet.

/** OWASP ASVS 1.2.10, and the full-width signs that Excel takes for them in East Asian settings. */
const FORMULA = /^[=+\-@\t\r\n\0＝＋－＠]/

/** RFC 4180, with a leading apostrophe where a spreadsheet would calculate. */
export const csvLine = (cells: readonly string[], separator = ','): string =>
  `${cells.map(cell => `"${(FORMULA.test(cell) ? `'${cell}` : cell).replaceAll('"', '""')}"`).join(separator)}\r\n`
