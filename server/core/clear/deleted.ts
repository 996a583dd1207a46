// How a portal says that the record which it should delete does not exist.
// Must stay true: pure; "access denied" is never taken for "gone", although it shares the empty code (protocol.md, trap 29).

const goneTexts = new Set(['company is not found', 'contact is not found', 'element not found', 'not found'])

/**
 * True when the refusal of a delete means that the record is gone already: one of the three forms of protocol.md, 4.8:
 * "Company is not found" with an empty code, `ERROR_CORE` "Element not found", or neither code nor text (the classic
 * source without its factory mode: nothing found, no last error).
 */
export const isAlreadyGone = (code: string, message: string): boolean => {
  if (code === 'ERROR_NOT_FOUND' || code === 'NOT_FOUND') return true
  // Recorded bodies and docs differ in case and in the trailing full stop (protocol.md, 4.2).
  const text = message.trim().replace(/\.$/, '').toLowerCase()
  return (code === '' && text === '') || ((code === '' || code === 'ERROR_CORE') && goneTexts.has(text))
}
