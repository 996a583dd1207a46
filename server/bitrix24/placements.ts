// Where the application sits in a portal, and binding it there.
// Must stay true: repeatable: what was bound before is unbound first; codes that the portal does not offer are skipped.
import { z } from 'zod'
import type { Step } from '../core/application.ts'
import type { Channel } from '../core/channel.ts'
import type { Command, CommandOutcome } from '../core/portal.ts'

/** Codes by what their menu item says. */
const PLACEMENTS: Readonly<Record<string, { readonly ru: string; readonly en: string }>> = {
  CRM_ANALYTICS_MENU: { ru: 'BitrixCorp', en: 'BitrixCorp' },
  CRM_COMPANY_LIST_TOOLBAR: { ru: 'Заполнить или очистить (BitrixCorp)', en: 'Fill or clear (BitrixCorp)' },
  CRM_CONTACT_LIST_TOOLBAR: { ru: 'Заполнить или очистить (BitrixCorp)', en: 'Fill or clear (BitrixCorp)' },
  CRM_COMPANY_LIST_MENU: { ru: 'Открыть в BitrixCorp', en: 'Open in BitrixCorp' },
  CRM_CONTACT_LIST_MENU: { ru: 'Открыть в BitrixCorp', en: 'Open in BitrixCorp' },
  LEFT_MENU: { ru: 'BitrixCorp', en: 'BitrixCorp' }
}
const EVENTS = ['ONAPPUNINSTALL', 'ONAPPINSTALL']

const codesSchema = z.array(z.string())

const placementCommands = (code: string, handler: string): Command[] => {
  const { ru, en } = PLACEMENTS[code] ?? { ru: code, en: code }
  return [
    // Without a handler: whatever we had there, under an earlier PUBLIC_URL too.
    { key: `u_${code}`, method: 'placement.unbind', params: { PLACEMENT: code } },
    {
      key: `b_${code}`,
      method: 'placement.bind',
      params: {
        PLACEMENT: code,
        HANDLER: handler,
        TITLE: en,
        LANG_ALL: { en: { TITLE: en }, ru: { TITLE: ru } }
      }
    }
  ]
}

const step = (id: string, outcome: CommandOutcome | undefined): Step => {
  if (outcome?.kind === 'ok') return { id, result: 'done', message: null }
  if (outcome?.kind === 'refused' || outcome?.kind === 'blocked') {
    const { code, message } = outcome
    // Two administrators at once, or an event of an earlier installation (trap 23).
    if (/already binded/i.test(message)) return { id, result: 'done', message: null }
    if (code === 'ERROR_PLACEMENT_NOT_FOUND' || code === 'ERROR_EVENT_NOT_FOUND') {
      return { id, result: 'skipped', message: null }
    }
    return { id, result: 'failed', message: message === '' ? code : message }
  }
  const message = outcome?.kind === 'unknown' ? outcome.message : 'Bitrix24 did not answer. Try again.'
  return { id, result: 'failed', message }
}

/** Binds placements and lifecycle events to the application at `publicUrl`. @throws {PortalFailure} */
export const bindEverything = async (channel: Pick<Channel, 'execute'>, publicUrl: string): Promise<Step[]> => {
  const { outcomes: asked } = await channel.execute([{ key: 'list', method: 'placement.list', params: {} }])
  const list = asked.get('list')
  const offered = list?.kind === 'ok' ? codesSchema.safeParse(list.result).data : undefined
  const codes = Object.keys(PLACEMENTS)
  // A portal that does not say what it offers is asked for everything: unknown codes are refused one by one.
  const wanted = codes.filter(code => offered?.includes(code) ?? true)
  const { outcomes } = await channel.execute([
    ...EVENTS.map(event => ({ key: event, method: 'event.bind', params: { event, handler: `${publicUrl}/events` } })),
    ...wanted.flatMap(code => placementCommands(code, `${publicUrl}/placement`))
  ])
  return [
    ...EVENTS.map(event => step(event, outcomes.get(event))),
    ...codes.map(
      (code): Step =>
        wanted.includes(code) ? step(code, outcomes.get(`b_${code}`)) : { id: code, result: 'skipped', message: null }
    )
  ]
}
