// The page's script: puts its parts together.
// Must stay true: one place knows whether something is running, and every button follows it.
import type { RecordsPage } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run.ts'
import { ApiError, createApi, type Items, type RunAction, type StartInput } from './api.ts'
import { createClearDialog } from './clear-dialog.ts'
import { createCreateForm } from './create-form.ts'
import { saveFile } from './download.ts'
import { byId } from './element.ts'
import { createMessages, type Language } from './messages.ts'
import { createNotice } from './notice.ts'
import { createProgress } from './progress.ts'
import { createRecords } from './records.ts'
import { carrySecret, reopenWithSecret, takeSecret } from './secret.ts'
import './styles/tokens.css'
import './styles/app.css'
import { startTableSwitch } from './table-switch.ts'
import { startWatcher } from './watcher.ts'

/** While a run fills the tables, at most this often. */
const GROW_EVERY_MS = 5000
const FIRST_GROWTH_MS = 1000

interface PageState {
  readonly lang: Language
  readonly portal: { readonly host: string; readonly mode: string }
  readonly companies: RecordsPage<Items['companies']> | null
  readonly contacts: RecordsPage<Items['contacts']> | null
  /** The active or the last run. */
  readonly run: RunSnapshot | null
}

/** What ended well long ago is no news when the page opens. */
const isNews = (run: RunSnapshot): boolean => run.status !== 'completed' || run.failed > 0

const startPage = (): void => {
  const state = JSON.parse(byId('state', HTMLElement).textContent ?? '') as PageState // written by our own server
  const { portal, run: firstRun } = state
  const secret = takeSecret()
  carrySecret(document.querySelectorAll<HTMLAnchorElement>('#languages a'), secret)
  const messages = createMessages(state.lang)
  const notice = createNotice(messages)
  const api = createApi(secret)
  const others = new BroadcastChannel('bitrixcorp')
  const title = document.title
  let run: RunSnapshot | null = null
  let pending = false
  let grownAt = performance.now()

  const deps = { api, messages, announce: notice.announce }
  const companies = createRecords('companies', state.companies, firstRun, deps)
  const contacts = createRecords('contacts', state.contacts, firstRun, deps)
  const tables = [companies, contacts]
  const refresh = async (): Promise<void> => void (await Promise.all(tables.map(table => table.refresh())))

  const update = (): void => {
    const busy = pending || run?.status === 'running'
    form.setBusy(busy)
    dialog.setBusy(busy)
    progress.setPending(pending)
    document.title =
      run?.status === 'running' ? `${messages.t('page.run.percent', { percent: run.percent })} · ${title}` : title
  }

  /** The answer to a request may be older than what the stream has brought since. */
  const isStale = (now: RunSnapshot | null): boolean =>
    run !== null && now !== null && run.id === now.id && run.status === now.status && now.done < run.done

  const show = (now: RunSnapshot | null): void => {
    if (isStale(now)) return
    const ended = run?.status === 'running' && now?.status !== 'running'
    // The first look comes soon, so that an empty table does not stay empty for long.
    if (now !== null && now.id !== run?.id) grownAt = performance.now() - GROW_EVERY_MS + FIRST_GROWTH_MS
    run = now
    progress.show(now)
    update()
    if (now !== null) for (const table of tables) table.follow(now)
    if (ended) void refresh()
    else if (now?.kind === 'create' && now.status === 'running' && performance.now() - grownAt >= GROW_EVERY_MS) {
      grownAt = performance.now()
      for (const table of tables) void table.grow()
    }
  }

  /** Asks for something that gives a run, and follows that run. */
  const launch = async (request: () => Promise<RunSnapshot>): Promise<void> => {
    pending = true
    update()
    try {
      const started = await request()
      notice.clear()
      others.postMessage('run')
      watcher.attach(started)
    } catch (error) {
      if (error instanceof ApiError && error.run !== undefined) watcher.attach(error.run)
      throw error
    } finally {
      pending = false
      update()
    }
  }
  const start = async (input: StartInput): Promise<void> => {
    await launch(() => api.start(input))
    progress.focus()
  }

  const form = createCreateForm(messages, counts => {
    start({ kind: 'create', ...counts, locale: messages.lang }).catch(error => {
      notice.failed(error)
      form.focus()
    })
  })
  const dialog = createClearDialog({
    messages,
    host: portal.host,
    holdings() {
      const [companiesThere, contactsThere] = [companies.total(), contacts.total()]
      return companiesThere === null || contactsThere === null
        ? null
        : { companies: companiesThere, contacts: contactsThere }
    },
    recount: refresh,
    start
  })
  const progress = createProgress({
    messages,
    announce: notice.announce,
    act: (runId: string, action: RunAction) => void launch(() => api.act(runId, action)).catch(notice.failed),
    download: (runId: string) =>
      void api.rejections(runId).then(file => saveFile(file, `bitrixcorp-${runId}.csv`), notice.failed)
  })

  let lost = false
  const connected = (now: boolean): void => {
    notice.connected(now)
    // Whatever happened while the server was away is in the tables now.
    if (now && lost) void refresh()
    lost = !now
  }
  const opening = firstRun !== null && isNews(firstRun) ? firstRun : null
  const watcher = startWatcher(
    { api, show, connected, refused: notice.failed, isHidden: () => document.hidden },
    opening
  )
  document.addEventListener('visibilitychange', watcher.visibilityChanged)
  others.addEventListener('message', watcher.look)
  startTableSwitch()
  show(opening)
}

if (document.querySelector('[data-error]') === null) startPage()
else if (document.querySelector('[data-error="403"]') !== null) reopenWithSecret()
