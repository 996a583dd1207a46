// The page's script: puts its parts together.
// Must stay true: one place knows whether something is running, and every button follows it.
import type { EntityName } from '../server/core/entities.ts'
import type { RecordsPage } from '../server/core/records.ts'
import type { RunSnapshot } from '../server/core/run/run.ts'
import { ApiError, createApi, type Items, type RunAction, type StartInput } from './api.ts'
import { createClearDialog } from './clear-dialog.ts'
import { createCreateForm } from './create-form.ts'
import { saveFile } from './download.ts'
import { byId } from './element.ts'
import { createEstimateLine } from './estimate.ts'
import { enterPortal, type PortalFrame, portalProtocol } from './frame.ts'
import { createHistory } from './history.ts'
import { createMessages, type Language } from './messages.ts'
import { createNotice } from './notice.ts'
import { createOpenedRecord } from './opened-record.ts'
import { createOtherTabs } from './other-tabs.ts'
import { createProgress } from './progress.ts'
import { createRecordLinks } from './record-links.ts'
import { createRecords } from './records.ts'
import { carryTicket, keepTicket, reopenWithTicket } from './secret.ts'
import { createReproof, keepSession } from './session.ts'
import { offerStart } from './start-button.ts'
import './styles/tokens.css'
import './styles/app.css'
import { startTableSwitch } from './table-switch.ts'
import { startWatcher } from './watcher.ts'

/** While a run fills the tables they are read again after so long, and sooner while they are blank. */
const GROW_EVERY_MS = 5000
const FILL_EVERY_MS = 1000

interface PageState {
  readonly lang: Language
  readonly portal: { readonly host: string; readonly mode: string }
  readonly companies: RecordsPage<Items['companies']> | null
  readonly contacts: RecordsPage<Items['contacts']> | null
  /** The active or the last run. */
  readonly run: RunSnapshot | null
  /** Only in a portal's frame. */
  readonly session: string | null
  /** Only where a secret is needed. */
  readonly ticket: string | null
  /** May act on everybody's runs. */
  readonly admin: boolean
  readonly user: { readonly name: string } | null
  readonly placement: { readonly code: string; readonly recordId: number | null } | null
}

/** What ended well long ago is no news when the page opens. */
const isNews = (run: RunSnapshot): boolean => run.status !== 'completed' || run.failed > 0

const startPage = (): void => {
  const state = JSON.parse(byId('state', HTMLElement).textContent ?? '') as PageState // written by our own server
  const { portal, run: firstRun } = state
  const framed = state.session !== null
  let bearer = state.session ?? state.ticket
  if (!framed) {
    keepTicket(state.ticket)
    carryTicket(document.querySelectorAll<HTMLAnchorElement>('#languages a'), state.ticket)
  }
  const messages = createMessages(state.lang)
  const notice = createNotice(messages)
  const renewed = (session: string): void => {
    bearer = session
  }
  const prove = async (): Promise<string> => {
    if (entering === null) throw new ApiError(401, 'SESSION_INVALID', 'No portal is around the page')
    // A computer that falls asleep at once leaves the first attempt without an answer.
    const { grant } = await entering.catch(enter)
    return api.proveSession(await grant())
  }
  const api = createApi(() => bearer, framed ? createReproof({ prove, renewed }) : undefined)
  const others = createOtherTabs(() => watcher.look())
  const title = document.title
  let run: RunSnapshot | null = null
  let pending = false
  let grownAt = performance.now()

  const protocol = framed && window.parent !== window ? portalProtocol(window.name) : null
  let frame: PortalFrame | null = null
  const enter = async (): Promise<PortalFrame> => {
    frame = await enterPortal(title)
    return frame
  }
  const entering = protocol === null ? null : enter()
  entering?.catch(notice.failed)
  const openRecord = (entity: EntityName, id: number): boolean => {
    // What was changed in the card is in the tables then.
    frame?.openRecord(entity, id).then(refresh, notice.failed)
    return frame !== null
  }
  const linkRow = protocol === null ? null : createRecordLinks(`${protocol}://${portal.host}`, openRecord)
  const deps = { api, messages, announce: notice.announce, linkRow }
  const companies = createRecords('companies', state.companies, firstRun, deps)
  const contacts = createRecords('contacts', state.contacts, firstRun, deps)
  const tables = [companies, contacts]
  const refresh = async (): Promise<void> => {
    await Promise.all([...tables, opened].map(part => part?.refresh()))
  }

  const update = (): void => {
    const busy = pending || run?.status === 'running'
    form.setBusy(busy)
    opened?.setBusy(busy)
    dialog.setBusy(busy)
    progress.setPending(pending)
    history.setBusy(busy)
    document.title =
      run?.status === 'running' ? `${messages.t('page.run.percent', { percent: run.percent })} · ${title}` : title
  }

  /** The answer to a request may be older than what the stream has brought since. */
  const isStale = (now: RunSnapshot | null): boolean =>
    run !== null && now !== null && run.id === now.id && run.status === now.status && now.done < run.done

  const show = (now: RunSnapshot | null): void => {
    if (isStale(now)) return
    // Also where its end alone is seen: it may have gone on, or begun, since the last look.
    const ended =
      now === null ? run !== null : now.status !== 'running' && now.finishedAt !== (run ?? firstRun)?.finishedAt
    if (now !== null && now.id !== run?.id) grownAt = performance.now()
    run = now
    progress.show(now)
    history.show(now)
    update()
    if (now !== null) for (const table of tables) table.follow(now)
    const growth = tables.some(table => table.isBlank()) ? FILL_EVERY_MS : GROW_EVERY_MS
    if (ended) {
      notice.outdated('BUSY')
      void refresh()
    } else if (now?.kind === 'create' && now.status === 'running' && performance.now() - grownAt >= growth) {
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
      others.tell()
      watcher.attach(started)
    } catch (error) {
      if (error instanceof ApiError && error.run !== undefined) watcher.attach(error.run)
      throw error
    } finally {
      pending = false
      update()
    }
  }
  /** How the run ends comes by its stream, perhaps before the answer, which would show it running again. */
  const cancel = async (runId: string): Promise<void> => {
    await api.act(runId, 'cancel')
    notice.clear()
  }
  const start = async (input: StartInput): Promise<void> => {
    await launch(() => api.start(input))
    progress.focus()
  }

  const estimate = createEstimateLine(byId('create-estimate', HTMLElement), messages, api.estimate)
  const form = createCreateForm(
    messages,
    counts => {
      start({ kind: 'create', ...counts, locale: messages.lang }).catch(error => {
        notice.failed(error)
        form.focus()
      })
    },
    counts => estimate.ask(counts === null ? null : { kind: 'create', ...counts, locale: messages.lang })
  )
  const opened = createOpenedRecord(state.placement, {
    ...{ api, messages, linkRow },
    submit: (companyId, counted) =>
      start({ kind: 'create', companyId, contacts: counted, locale: messages.lang }).catch(error => {
        notice.failed(error)
        throw error
      })
  })
  const dialog = createClearDialog({
    messages,
    host: portal.host,
    estimate: api.estimate,
    holdings() {
      const [companiesThere, contactsThere] = [companies.total(), contacts.total()]
      return companiesThere === null || contactsThere === null
        ? null
        : { companies: companiesThere, contacts: contactsThere }
    },
    recount: refresh,
    start: input => launch(() => api.start(input)),
    started: () => progress.focus()
  })
  const runDeps = {
    messages,
    mayAct: ({ startedBy }: RunSnapshot) => state.admin || startedBy === state.user?.name,
    starterOf: ({ startedBy }: RunSnapshot) =>
      state.user === null || startedBy === state.user.name ? null : startedBy,
    act: (runId: string, action: RunAction) =>
      (action === 'cancel' ? cancel(runId) : launch(() => api.act(runId, action))).catch(error => {
        notice.failed(error)
        throw error
      }),
    download: (runId: string) =>
      void api.rejections(runId, messages.lang).then(file => saveFile(file, `bitrixcorp-${runId}.csv`), notice.failed)
  }
  const progress = createProgress({ ...runDeps, announce: notice.announce })
  const history = createHistory({
    ...runDeps,
    read: api.runs,
    remove: api.removeRun,
    mayRemove: state.admin,
    announce: notice.announce,
    act: (runId, action) => runDeps.act(runId, action).then(() => progress.focus())
  })

  let lost = false
  const connected = (now: boolean): void => {
    notice.connected(now)
    // An emulated portal goes with its server: behind this page there is another one now.
    if (now && lost && portal.mode === 'emulated') location.reload()
    else if (now && lost) {
      notice.outdated('NETWORK')
      // Whatever happened while the server was away is in the tables now, and what a run takes can be asked again.
      void refresh()
      update()
    }
    lost = !now
  }
  const opening = firstRun !== null && isNews(firstRun) ? firstRun : null
  const watcher = startWatcher(
    { api, show, connected, refused: notice.failed, isHidden: () => document.hidden },
    firstRun
  )
  document.addEventListener('visibilitychange', watcher.visibilityChanged)
  startTableSwitch()
  show(opening)

  if (framed) {
    void keepSession({
      renew: api.renewSession,
      renewed,
      over: notice.failed,
      wait: ms => new Promise(resolve => setTimeout(resolve, ms))
    })
  }
}

const secretForm = document.querySelector<HTMLFormElement>('[data-error="403"] form')
if (document.querySelector('[data-error]') === null) startPage()
else if (document.getElementById('start') !== null) offerStart()
// Only the standalone page asks for a secret; a refusal in a portal's frame has none.
else if (secretForm !== null) reopenWithTicket(secretForm.dataset['wrong'] !== undefined)
