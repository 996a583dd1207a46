// The card of the current or last run: bar, numbers, what it waits for, how it ended, what can be done.
// Must stay true: shows a snapshot as it is; a screen reader hears milestones, not every percent.
import type { RunSnapshot } from '../server/core/run/run.ts'
import type { RunAction } from './api.ts'
import { byId, part } from './element.ts'
import { createFailures } from './failures.ts'
import { createSpeed, roundSpeed, type Speed } from './pace-shown.ts'
import { buttonsOf, type RunDeps, runButtons } from './run-buttons.ts'
import { begunText, leftText, outcomeOf, outcomeText, waitingText } from './run-text.ts'

const ANNOUNCE_EVERY_PERCENT = 25

export interface ProgressDeps extends RunDeps {
  readonly announce: (text: string) => void
}

export interface Progress {
  show(run: RunSnapshot | null): void
  /** An action is under way: no second one. */
  setPending(pending: boolean): void
  focus(): void
}

export const createProgress = ({ messages, announce, act, download, mayAct, starterOf }: ProgressDeps): Progress => {
  const { t } = messages
  const card = byId('run', HTMLElement)
  const text = (name: string): HTMLElement => part(card, name, HTMLElement)
  const button = (name: string): HTMLButtonElement => part(card, name, HTMLButtonElement)
  const [title, percent, outcome, done, failed] = ['title', 'percent', 'outcome', 'done', 'failed'].map(text) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement
  ] // as many as names
  const bar = part(card, 'bar', HTMLProgressElement)
  const buttons = {
    cancel: button('cancel'),
    resume: button('resume'),
    retry: button('retry'),
    csv: button('csv')
  }
  const failures = createFailures(card, messages)
  let run: RunSnapshot | null = null
  let speed: Speed = createSpeed()
  /** When a row was settled last, as this page saw it. */
  let movedAt = performance.now()
  let pending = false
  let cancelling = false
  let announced = { percent: 0, waitingFor: null as string | null }

  const focus = (): void => title.focus()

  /** A button that disappears or is disabled under the person's fingers must not throw them to the top of the page. */
  const keepFocus = (change: () => void): void => {
    const held = document.activeElement
    change()
    if (held instanceof HTMLButtonElement && card.contains(held) && (held.disabled || !held.checkVisibility())) focus()
  }

  const showButtons = (): void => {
    if (run === null) return
    const shown = buttonsOf(run, mayAct(run))
    const possible = buttonsOf(run, true)
    for (const name of runButtons) buttons[name].hidden = !shown[name]
    buttons.cancel.disabled = pending || cancelling
    buttons.cancel.textContent = t(cancelling ? 'page.run.stopping' : 'page.run.stop')
    buttons.resume.disabled = pending
    buttons.retry.disabled = pending
    text('foreign').hidden = runButtons.every(name => shown[name] === possible[name])
    text('foreign').textContent = t('page.run.foreign', { name: run.startedBy })
    text('actions').hidden = !(shown.resume || shown.retry || shown.csv)
  }

  const speak = (before: RunSnapshot | null, now: RunSnapshot, waiting: string, ended: string): void => {
    const begins = before?.id !== now.id || (before.status !== 'running' && now.status === 'running')
    if (begins) announced = { percent: 0, waitingFor: null }
    const milestone = Math.floor(now.percent / ANNOUNCE_EVERY_PERCENT)
    if (now.status !== 'running') {
      if (before !== null && before.status === 'running') announce(ended)
    } else if (begins) {
      announce(t(`page.run.${now.kind}`))
    } else if (waiting !== '' && announced.waitingFor !== now.waitingFor) {
      announced.waitingFor = now.waitingFor
      announce(waiting)
    } else if (milestone > announced.percent) {
      announce(t('page.run.percent', { percent: now.percent }))
    }
    announced.percent = Math.max(announced.percent, milestone)
  }

  const render = (now: RunSnapshot): void => {
    const running = now.status === 'running'
    const fresh = run?.id !== now.id || (run.status !== 'running' && running)
    if (fresh || run?.done !== now.done) movedAt = performance.now()
    const waiting = waitingText(now, messages, Date.now(), performance.now() - movedAt)
    const ended = outcomeText(now, messages)
    speak(run, now, waiting, ended)
    if (fresh) speed = createSpeed()
    speed.add(performance.now(), now.done)
    if (!running) cancelling = false
    run = now
    card.dataset['status'] = now.status
    card.dataset['outcome'] = outcomeOf(now)
    title.textContent = t(`page.run.${now.kind}`)
    text('begun').textContent = begunText(now, messages, starterOf(now))
    percent.textContent = t('page.run.percent', { percent: now.percent })
    bar.value = now.percent
    outcome.textContent = ended
    outcome.hidden = running
    done.textContent = t('page.run.doneOf', { done: now.done, total: now.total })
    failed.textContent = t('page.run.rows', { rows: now.failed })
    const perSecond = speed.perSecond()
    text('speed').textContent =
      perSecond === null ? t('page.run.unknown') : t('page.run.perSecond', { rows: roundSpeed(perSecond) })
    text('left').textContent = leftText(now.etaSeconds, messages)
    text('speed-fact').hidden = !running
    text('left-fact').hidden = !running
    text('waiting').textContent = waiting
    text('waiting').hidden = waiting === ''
    failures.show(now)
    showButtons()
    card.hidden = false
  }

  const perform = (action: RunAction) => (): void => {
    if (run === null) return
    if (action === 'cancel') cancelling = true
    act(run.id, action).catch(() => {
      // Somebody else's run, for example: it goes on, and so does its button.
      cancelling = false
      keepFocus(showButtons)
    })
  }
  buttons.cancel.addEventListener('click', perform('cancel'))
  buttons.resume.addEventListener('click', perform('resume'))
  buttons.retry.addEventListener('click', perform('retry'))
  buttons.csv.addEventListener('click', () => run !== null && download(run.id))

  return {
    show(now) {
      keepFocus(() => {
        if (now !== null) return render(now)
        run = null
        card.hidden = true
      })
    },
    setPending(now) {
      pending = now
      keepFocus(showButtons)
    },
    focus
  }
}
