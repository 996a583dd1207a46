// What is worth a warning at the start: settings that are there and do nothing.
// Must stay true: pure; names are printed, values never are.

/** How many letters have to be changed, added or taken away (Levenshtein). */
const distance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...right].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

const nearest = (name: string, known: readonly string[]): string =>
  known.toSorted((one, other) => distance(name.toUpperCase(), one) - distance(name.toUpperCase(), other))[0] ?? ''

/** Settings of ours that do not exist, each with the nearest one that does. `names`: whatever is set; `known`: in capitals. */
export const warnOfUnknownSettings = (names: readonly string[], known: readonly string[]): string | undefined => {
  const ours = known.filter(name => name.startsWith('BITRIX_'))
  const unknown = names.filter(name => /^BITRIX_/i.test(name) && !ours.includes(name)).map(name => name.slice(0, 80))
  if (unknown.length === 0) return undefined
  const guesses = unknown.toSorted().map(name => `${name} (did you mean ${nearest(name, ours)}?)`)
  return `Settings that BitrixCorp does not know do nothing: ${guesses.join(', ')}. The README lists those that there are.`
}

const PROXY = /^(https?|all)_proxy$/i

/** `names`: of what is set and not empty. */
export const warnOfProxy = (names: readonly string[]): string | undefined => {
  const found = names.filter(name => PROXY.test(name)).toSorted()
  return found.length === 0
    ? undefined
    : `${found.join(', ')}: BitrixCorp does not use a proxy to reach portals and their authorization servers. Let this machine connect to them directly.`
}
