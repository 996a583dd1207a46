// One line of CSV.
// Must stay true: no cell can be taken for a formula by a spreadsheet.

/** RFC 4180, with a leading apostrophe where a spreadsheet would calculate. */
export const csvLine = (cells: readonly string[]): string =>
  `${cells.map(cell => `"${(/^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell).replaceAll('"', '""')}"`).join(',')}\r\n`
