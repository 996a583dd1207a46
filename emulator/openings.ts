// Opening an application for a person: which page of it, and everything that the portal's hidden form sends there (protocol.md, 5.3).
// Must stay true: every opening has a fresh APP_SID and fresh tokens of the viewing person; only what that person may see opens.
import { randomBytes } from 'node:crypto'
import type { RegisteredApplication } from './application.ts'
import type { Applications } from './applications.ts'
import type { Credentials, TokenSet } from './credentials.ts'
import { asThisPortalSends } from './form-fields.ts'
import type { Person, PhpParams } from './method.ts'
import { encodeJson } from './php.ts'
import type { Language, Placements } from './placements.ts'
import type { PortalSettings } from './settings.ts'

export interface OpeningWish {
  readonly clientId: string
  /** Default DEFAULT: the application's own page (or its installation page). */
  readonly placement?: string | undefined
  /** Which of several handlers in one place. */
  readonly handler?: string | undefined
  /** PLACEMENT_OPTIONS, e.g. `{ID: '12'}` in a list menu. */
  readonly options?: PhpParams | undefined
  /** Path of the portal's page around it. */
  readonly uri?: string | undefined
  /** Default 1. */
  readonly person?: number | undefined
  /** Default ru. */
  readonly lang?: Language | undefined
}

export interface Opening {
  /** APP_SID: 32 hex digits. */
  readonly sid: string
  /** The frame's name, which both SDKs read: `host|0|APP_SID`. */
  readonly frameName: string
  /** Handler with DOMAIN, PROTOCOL, LANG and APP_SID in its query. */
  readonly url: string
  /** The form's fields in their order. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The same as a request body. */
  readonly body: string
  /** Of the handler: the only origin whose messages count. */
  readonly appOrigin: string
  readonly placement: string
  readonly options: PhpParams
  /** The installation page is shown. */
  readonly install: boolean
  readonly lang: Language
  readonly application: RegisteredApplication
  readonly person: Person
  readonly tokens: TokenSet
}

/** Why something cannot be opened. */
export class OpeningRefused extends Error {
  override readonly name = 'OpeningRefused'
  readonly reason: 'not-installed' | 'not-bound' | 'no-handler'

  constructor(reason: OpeningRefused['reason']) {
    super(`The portal does not open this: ${reason}`)
    this.reason = reason
  }
}

interface OpeningsOptions {
  readonly applications: Applications
  readonly placements: Placements
  readonly credentials: Credentials
  readonly settings: PortalSettings
}

export function createOpenings({ applications, placements, credentials, settings }: OpeningsOptions) {
  const bySid = new Map<string, Opening>()

  const handlerOf = (application: RegisteredApplication, person: Person, wish: OpeningWish) => {
    const { placement = 'DEFAULT' } = wish
    const { handlerUrl, installUrl } = application.form
    if (!application.installed) {
      // Everyone else reads that the application is not fully installed (protocol.md, 5.2).
      if (!person.admin || installUrl === undefined) throw new OpeningRefused('not-installed')
      return { handler: installUrl, install: true, placement: 'DEFAULT' }
    }
    if (placement === 'DEFAULT') return { handler: handlerUrl, install: false, placement }
    const shown = placements.shown(placement, person.id, [application])
    const binding = shown.find(each => wish.handler === undefined || each.handler === wish.handler)
    if (binding === undefined) throw new OpeningRefused('not-bound')
    return { handler: binding.handler, install: false, placement }
  }

  return {
    find: (sid: string) => bySid.get(sid),
    /** @throws {OpeningRefused | RangeError} */
    open(wish: OpeningWish): Opening {
      const application = applications.get(wish.clientId)
      const person = credentials.person(wish.person ?? 1)
      const { handler, install, placement } = handlerOf(application, person, wish)
      if (!URL.canParse(handler)) throw new OpeningRefused('no-handler')
      const { lang = 'ru' } = wish
      const sid = randomBytes(16).toString('hex')
      const tokens = credentials.issueTokens(application, person.id)
      const { domain, server_endpoint } = credentials.endpoints()
      const options =
        placement === 'DEFAULT'
          ? { ...(settings.pageParameters && { any: `${application.id}/` }), ...wish.options }
          : { ...wish.options, ...(settings.newerFields && { URI: wish.uri ?? pathOf(placement) }) }
      const fields: (readonly [string, string])[] = [
        ['AUTH_ID', tokens.access_token],
        ['AUTH_EXPIRES', String(tokens.expires_in)],
        ['REFRESH_ID', tokens.refresh_token]
      ]
      if (settings.newerFields) {
        fields.push(
          ['SERVER_ENDPOINT', server_endpoint],
          ['APPLICATION_TOKEN', application.applicationToken],
          ['APPLICATION_SCOPE', tokens.scope]
        )
      }
      fields.push(['member_id', tokens.member_id], ['status', 'L'], ['PLACEMENT', placement])
      if (Object.keys(options).length > 0) fields.push(['PLACEMENT_OPTIONS', encodeJson(options)])
      const sent = asThisPortalSends(fields, settings.formFields)
      const query = new URLSearchParams(
        asThisPortalSends(
          [
            ['DOMAIN', domain],
            ['PROTOCOL', '0'],
            ['LANG', lang],
            ['APP_SID', sid]
          ],
          settings.formFields
        )
      )
      const opening: Opening = {
        sid,
        frameName: `${domain}|0|${sid}`,
        url: `${handler}${handler.includes('?') ? '&' : '?'}${query}`,
        fields: sent,
        body: new URLSearchParams(sent).toString(),
        appOrigin: new URL(handler).origin,
        ...{ placement, options, install, lang, application, person, tokens }
      }
      bySid.set(sid, opening)
      return opening
    }
  }
}

const pathOf = (placement: string): string => {
  const section = /^CRM_(COMPANY|CONTACT)_/.exec(placement)?.[1]
  return section === undefined ? '/' : `/crm/${section.toLowerCase()}/list/`
}
