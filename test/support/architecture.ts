// The rules of the house as a checker: which file may import what (design.md, section 3), names, sizes, and who may touch what.
// Must stay true: an import that no rule allows is reported; a new arrow is a new line in `layers`, nowhere else.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Sources by path from the repository's root, with forward slashes. */
type Sources = ReadonlyMap<string, string>

interface Import {
  readonly specifier: string
  /** `import type`/`export type`: gone after compilation. Inline `{ type X }` stays an import under verbatimModuleSyntax. */
  readonly typeOnly: boolean
  readonly dynamic: boolean
}

interface Layer {
  /** Files that the layer consists of; the first layer that matches counts. */
  readonly files: RegExp
  /** Our own files that it may import. */
  readonly own: RegExp
  /** Our own files of which it may import types only. */
  readonly ownTypes?: RegExp
  readonly packages: RegExp
  /** Node built-ins it may not import. */
  readonly noBuiltIns?: RegExp
}

const NOTHING = /^$/
const ANYTHING = /./
const SDK = '@bitrix24/b24jssdk'
/** Built-ins that do input or output: the core is given such things. */
const EFFECTS =
  /^node:(fs|http|https|http2|net|tls|dgram|dns|child_process|worker_threads|cluster|process|readline|sqlite)\b/
const KOA = 'koa|@koa/[a-z-]+|koa-helmet|helmet|koa-sse-stream(/lib/sse\\.js)?'

const layers: readonly Layer[] = [
  { files: /^server\/(main|start)\.ts$/, own: /^(server|emulator)\//, packages: ANYTHING },
  { files: /^server\/demo\.ts$/, own: /^(emulator\/emulated-portal\.ts|server\/config\.ts)$/, packages: NOTHING },
  { files: /^server\/system-clock\.ts$/, own: /^server\/core\/clock\.ts$/, packages: NOTHING },
  { files: /^server\/this-process\.ts$/, own: NOTHING, packages: NOTHING },
  {
    files: /^server\/config\.ts$/,
    own: /^server\/(core\/(webhook-url|portal-hosts)|env-file|startup-warnings)\.ts$/,
    packages: /^zod$/
  },
  { files: /^server\/(env-file|startup-warnings)\.ts$/, own: NOTHING, packages: NOTHING, noBuiltIns: EFFECTS },
  { files: /^server\/log\.ts$/, own: NOTHING, packages: /^pino$/ },
  {
    files: /^server\/app\.ts$/,
    own: /^server\/(core|http)\//,
    ownTypes: /^server\/log\.ts$/,
    packages: new RegExp(`^(${KOA})$`)
  },
  {
    files: /^server\/core\/sample\/sample\.ts$/,
    own: /^server\/core\//,
    packages: /^@faker-js\/faker\/locale\//,
    noBuiltIns: EFFECTS
  },
  {
    files: /^server\/core\//,
    own: /^server\/core\//,
    packages: /^(zod|p-limit|async-mutex)$/,
    noBuiltIns: EFFECTS
  },
  {
    files: /^server\/bitrix24\//,
    own: /^server\/(core|bitrix24)\//,
    packages: new RegExp(`^(zod|${SDK})$`)
  },
  {
    files: /^server\/store\//,
    own: /^server\/(core|store)\//,
    packages: /^(kysely|pg|@photostructure\/sqlite|jose|zod)$/
  },
  {
    files: /^server\/http\//,
    own: /^server\/(core\/|http\/|bitrix24\/handshake\.ts$)/,
    ownTypes: /^server\/log\.ts$/,
    packages: new RegExp(`^(${KOA}|nunjucks|intl-messageformat|zod|jose)$`)
  },
  {
    files: /^placement\//,
    own: /^(placement|locales)\//,
    ownTypes: /^server\/core\//,
    packages: new RegExp(`^(${SDK}|intl-messageformat|eventsource-parser)$`),
    noBuiltIns: /^node:/
  },
  { files: /^emulator\//, own: /^emulator\//, packages: /^(koa|@koa\/router|@koa\/bodyparser|nunjucks|zod)$/ },
  // Chaos drives the real process against an emulated portal, and reads what both remember.
  { files: /^chaos\//, own: /^(chaos|server|emulator)\//, packages: /^(zod|kysely|pg)$/ },
  // The bench puts us beside the emulated portal and the bare SDK, so it sees all of them.
  { files: /^bench\//, own: /^(bench|server|emulator)\//, packages: ANYTHING }
]

const FORBIDDEN_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'types', 'index'])
const MOST_LINES = 400
/** The clock that people set: it dates what is written down, and nothing waits by it. */
const WALL_CLOCK = /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\b\w*[cC]lock\s*\.\s*now\b/
const STAMP = /\b(at|\w+At)(:| =) (deps\.)?clock\.now\(\)(?!\s*[-+*/<>=])/g
/** Who may do more with it: it is made there, dates are compared that others gave us, days are counted, or it is handed to somebody who does that. */
const KNOWS_DATES =
  /^server\/(system-clock|app|start|core\/clock|core\/run\/keeping|bitrix24\/(application(-parts)?|removals))\.ts$/
/** Where the SDK may be loaded outside server/bitrix24, and there only when it is needed: in a frame of the portal. */
const SDK_IN_FRAME = /^placement\/(frame|install)\.ts$/

/** Takes comments out. Line comments need a blank before them, so that `https://` in a string stays. */
const withoutComments = (source: string): string =>
  source.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, '').replace(/(^|\s)\/\/.*$/gm, '$1')

/** Every import and re-export of a source, static and dynamic. Needs our formatting: statements begin a line. */
export const importsOf = (source: string): Import[] => {
  const code = withoutComments(source)
  const statics = code.matchAll(
    /^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w\s{},*$]*?\sfrom\s*)?(['"])(.+?)\2/gm
  )
  const dynamics = code.matchAll(/\bimport\s*\(\s*(['"`])(.+?)\1/g)
  return [
    ...Array.from(statics, match => ({ specifier: match[3] ?? '', typeOnly: match[1] !== undefined, dynamic: false })),
    ...Array.from(dynamics, match => ({ specifier: match[2] ?? '', typeOnly: false, dynamic: true }))
  ]
}

const isOwn = (specifier: string): boolean => specifier.startsWith('.')
const resolve = (file: string, specifier: string): string => path.posix.join(path.posix.dirname(file), specifier)

/** What is wrong with one import, if anything. */
const importProblem = (file: string, layer: Layer, { specifier, typeOnly, dynamic }: Import): string | undefined => {
  if (isOwn(specifier)) {
    const target = resolve(file, specifier)
    if (layer.own.test(target) || (typeOnly && layer.ownTypes?.test(target))) return undefined
    return layer.ownTypes?.test(target) ? `may import only types of ${target}` : `may not import ${target}`
  }
  if (specifier.startsWith('node:'))
    return layer.noBuiltIns?.test(specifier) ? `may not import ${specifier}` : undefined
  if (specifier.startsWith(SDK) && !/^(server\/bitrix24|bench)\//.test(file)) {
    return SDK_IN_FRAME.test(file) && (dynamic || typeOnly) ? undefined : `may not import the SDK (${specifier}) here`
  }
  if (/^koa-sse-stream(\/|$)/.test(specifier) && file !== 'server/http/event-stream.ts') {
    return `may not import ${specifier}: server/http/event-stream.ts is its only user`
  }
  return layer.packages.test(specifier) ? undefined : `may not import ${specifier}`
}

/** What is wrong with one file besides its imports. */
const fileProblems = (file: string, source: string): string[] => {
  const code = withoutComments(source)
  const problems: string[] = []
  const names = file.split('/').map(part => part.split('.')[0] ?? '')
  for (const name of names) if (FORBIDDEN_NAMES.has(name)) problems.push(`has a forbidden name: ${name}`)
  const lines = source.replace(/\n$/, '').split('\n').length
  if (lines > MOST_LINES) problems.push(`has ${lines} lines, more than ${MOST_LINES}`)
  if (
    file !== 'server/config.ts' &&
    (/\bprocess\s*(\?\.|\.)\s*env\b/.test(code) || /\benv\b[^;\n]*from 'node:process'/.test(code))
  ) {
    problems.push('reads process.env: only server/config.ts may')
  }
  if (file.startsWith('server/') && !KNOWS_DATES.test(file) && WALL_CLOCK.test(code.replace(STAMP, '')))
    problems.push('looks at the wall clock: stamps apart, time is counted by steady()')
  if (file.startsWith('server/') && /\bconsole\s*\.\s*\w/.test(code)) problems.push('writes to console: use the logger')
  return problems
}

/** Each cycle once, as `a → b → a`, beginning at its first file in the alphabet. Type imports count. */
const cyclesOf = (graph: ReadonlyMap<string, readonly string[]>): string[] => {
  const cycles = new Set<string>()
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(file)
    if (seenAt >= 0) {
      const loop = trail.slice(seenAt)
      const first = loop.indexOf([...loop].sort()[0] ?? file)
      const turned = [...loop.slice(first), ...loop.slice(0, first)]
      cycles.add([...turned, turned[0]].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const target of graph.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return [...cycles]
}

/** Everything that breaks a rule, one sentence each; empty when the house is in order. */
export const checkArchitecture = (sources: Sources): string[] => {
  const problems: string[] = []
  const graph = new Map<string, string[]>()
  for (const [file, source] of sources) {
    problems.push(...fileProblems(file, source).map(problem => `${file} ${problem}`))
    const imports = importsOf(source)
    graph.set(
      file,
      imports.filter(({ specifier }) => isOwn(specifier)).map(({ specifier }) => resolve(file, specifier))
    )
    const layer = layers.find(({ files }) => files.test(file))
    if (layer === undefined) {
      problems.push(`${file} belongs to no layer of the plan`)
      continue
    }
    for (const found of imports) {
      const problem = importProblem(file, layer, found)
      if (problem !== undefined) problems.push(`${file} ${problem}`)
    }
  }
  return [...problems, ...cyclesOf(graph).map(cycle => `cycle: ${cycle}`)]
}

/** Reads the TypeScript and JavaScript sources of the house. `root` is the repository's folder. */
export const readSources = (root: string): Sources => {
  const sources = new Map<string, string>()
  for (const folder of ['server', 'placement', 'emulator', 'bench', 'chaos']) {
    for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[cm]?[jt]sx?$/.test(entry.name)) continue
      const file = path.join(entry.parentPath, entry.name)
      sources.set(path.relative(root, file).split(path.sep).join('/'), readFileSync(file, 'utf8'))
    }
  }
  return sources
}
