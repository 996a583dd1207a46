// The pages of the desktop: what the template is given for each address.
// Must stay true: only what the viewing person may see; nothing here changes anything.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import type { Applications } from './applications.ts'
import { shownRecord, shownRecords } from './desktop-records.ts'
import { TEXTS } from './desktop-texts.ts'
import type { Person } from './method.ts'
import { type Language, type Placements, titleOf } from './placements.ts'
import type { EntityName, PortalState } from './state.ts'

/** Templates, styles and scripts. A compiled emulator (dist/emulator) has none beside it and takes those of the sources. */
export const ASSETS = join(
  fileURLToPath(new URL('.', import.meta.url)).replace(/([\\/])dist[\\/]emulator[\\/]$/, '$1emulator$1'),
  'desktop'
)

export interface DesktopPagesOptions {
  readonly state: PortalState
  readonly people: readonly Person[]
  readonly applications: Applications
  readonly placements: Placements
}

export interface Visit {
  readonly path: string
  readonly person: Person
  readonly lang: Language
  /** Shown inside a slider: without the portal's own bars. */
  readonly inSlider: boolean
  /** The application's page after installFinish. */
  readonly installFinished: boolean
}

export function createDesktopPages({ state, people, applications, placements }: DesktopPagesOptions) {
  const templates = new nunjucks.Environment(new nunjucks.FileSystemLoader(ASSETS), {
    autoescape: true,
    trimBlocks: true,
    lstripBlocks: true,
    throwOnUndefined: true
  })

  const itemsIn = ({ person, lang }: Visit, placement: string) =>
    placements.shown(placement, person.id, applications.all()).map(binding => ({
      title: titleOf(binding, lang, applications.get(binding.clientId)),
      open: { clientId: binding.clientId, placement, handler: binding.handler }
    }))

  const listOf = (visit: Visit, entity: EntityName) => {
    const code = `CRM_${entity.toUpperCase()}_LIST`
    return {
      entity,
      ...shownRecords(state, entity),
      rowItems: itemsIn(visit, `${code}_MENU`),
      toolbarItems: itemsIn(visit, `${code}_TOOLBAR`)
    }
  }

  const applicationsFor = ({ lang, person }: Visit) =>
    applications
      .all()
      .filter(({ form }) => form.scriptOnly !== true)
      .map(({ id, clientId, installed, scope, form }) => ({
        ...{ id, clientId, installed, scope: scope.join(', '), title: form.title[lang] },
        open: { clientId },
        canReinstall: form.installUrl !== undefined && person.admin
      }))

  /** The part of the page below the bars; undefined when there is no such page. */
  function contentOf(visit: Visit): object | undefined {
    const { path, lang } = visit
    if (path === '/') return { view: 'lists', lists: [listOf(visit, 'company'), listOf(visit, 'contact')] }
    const list = /^\/crm\/(company|contact)\/(list\/)?$/.exec(path)
    if (list !== null) return { view: 'lists', lists: [listOf(visit, list[1] as EntityName)] } // the two of the pattern
    const card = /^\/crm\/(company|contact)\/(?:details|show)\/(\d+)\/$/.exec(path)
    if (card !== null) {
      const record = shownRecord(state, card[1] as EntityName, Number(card[2])) // the two of the pattern
      return record && { view: 'record', record }
    }
    if (path === '/marketplace/') return { view: 'applications', applications: applicationsFor(visit) }
    const application = applications.all().find(({ id }) => path === `/marketplace/app/${id}/`)
    if (application === undefined) return undefined
    return {
      view: 'application',
      title: application.form.title[lang],
      open: {
        clientId: application.clientId,
        options: { ...(visit.installFinished && { install_finished: 'Y' }) }
      }
    }
  }

  return function page(visit: Visit): { status: number; html: string } {
    const content = contentOf(visit)
    const { person, lang, path, inSlider } = visit
    const values = {
      ...{ person, people, lang, path, inSlider, t: TEXTS[lang] },
      query: `user=${person.id}&lang=${lang}`,
      analyticsItems: itemsIn(visit, 'CRM_ANALYTICS_MENU'),
      leftItems: itemsIn(visit, 'LEFT_MENU'),
      ...(content ?? { view: 'missing' })
    }
    return { status: content === undefined ? 404 : 200, html: templates.render('desktop.njk', values) }
  }
}
