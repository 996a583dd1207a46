// The titles of a test file, read from its source, and which of them a result of a run belongs to.
// Must stay true: it needs our formatting (a call begins its line, what stands in a describe is indented), and runs no test.

const CALL = /^( *)(describe|test|it)(\.each)?\(/gm
const TITLE = /^\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/
/** What stands for a parameter: `%s`, `$name`, or a substitution in a template literal. */
const PARAMETER = /\$\{[^}]*\}|%[sidfjo]|\$[\w.]+/g
/** How it is shown. */
const ANY = '…'

/** The title behind a call, with `…` for each parameter. With `.each` it stands in the second pair of brackets. */
const titleBehind = (text: string, each: boolean): string => {
  const second = each ? text.search(/\)\(\s*['"`]/) + 2 : 0
  const [, single, double, template] = TITLE.exec(text.slice(second)) ?? []
  const title = single ?? double ?? template
  if (title === undefined || second === 1)
    throw new Error(`A test without a title that can be read: ${text.slice(0, 60)}`)
  return title.replace(/\\(.)/g, '$1').replace(each || template !== undefined ? PARAMETER : /$^/, ANY)
}

/** The titles of all tests of a source, in its order, each with those of the describes around it before it. */
export const titlesOf = (source: string): string[] => {
  const titles: string[] = []
  const around: { readonly indent: number; readonly title: string }[] = []
  for (const match of source.matchAll(CALL)) {
    const [call, spaces = '', kind, each] = match
    const indent = spaces.length
    while ((around.at(-1)?.indent ?? -1) >= indent) around.pop()
    const title = titleBehind(source.slice(match.index + call.length), each !== undefined)
    if (kind === 'describe') around.push({ indent, title })
    else titles.push([...around.map(outer => outer.title), title].join(' '))
  }
  return titles
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Which of the titles a test of a run is by its full name: the one that leaves the least open. */
export const titleOf = (titles: readonly string[], fullName: string): string | undefined =>
  titles
    .filter(title => new RegExp(`^${title.split(ANY).map(escaped).join('.*')}$`, 's').test(fullName))
    .sort((one, other) => other.replaceAll(ANY, '').length - one.replaceAll(ANY, '').length)[0]
