// What the portal's server does for the page when an application in a frame asks for it (protocol.md, 7.4 and 7.5).
// Must stay true: acts for the person and the application of the opening only; undefined means that the callback never fires.
import type { Applications } from './applications.ts'
import type { Credentials } from './credentials.ts'
import type { PhpParams } from './method.ts'
import { userOptions } from './methods/options.ts'
import type { Opening } from './openings.ts'
import { mapOf, textOf } from './parameters.ts'
import { interfaceOf } from './placement-codes.ts'

export interface FrameCommandsOptions {
  readonly applications: Applications
  readonly credentials: Credentials
}

/** Answers `{reply}` to send on, `{}` for done without a reply, undefined for a refusal. */
export function createFrameCommands({ applications, credentials }: FrameCommandsOptions) {
  return function command(opening: Opening, name: string, params: PhpParams): { reply?: unknown } | undefined {
    const { application, person } = opening
    // A deleted application's page may still be open.
    if (applications.find(application.clientId) !== application) return undefined
    switch (name) {
      case 'getInitData':
        return { reply: initData(opening) }
      case 'getInterface':
        return { reply: interfaceOf(opening.placement) }
      case 'refreshAuth': {
        const { access_token, expires_in, refresh_token } = credentials.issueTokens(application, person.id)
        return { reply: { AUTH_ID: access_token, AUTH_EXPIRES: String(expires_in), REFRESH_ID: refresh_token } }
      }
      case 'setInstall':
        application.startedBy.add(person.id)
        return { reply: params }
      case 'setUserOption':
        userOptions(application, person.id).set(textOf(params['name']), params['value'])
        return { reply: params }
      case 'setAppOption':
        if (!person.admin) return undefined
        application.options.set(textOf(params['name']), params['value'])
        return { reply: Object.fromEntries(application.options) }
      case 'setInstallFinish':
        return applications.setInstalled(application, person.id, mapOf(params)['value'] !== false) ? {} : undefined
      default:
        return undefined
    }
  }

  function initData({ application, person, tokens, lang, placement, options, install }: Opening): object {
    const { domain, member_id } = credentials.endpoints()
    return {
      LANG: lang,
      DOMAIN: domain,
      PROTOCOL: 0,
      PATH: '/rest',
      AUTH_ID: tokens.access_token,
      AUTH_EXPIRES: String(tokens.expires_in),
      REFRESH_ID: tokens.refresh_token,
      MEMBER_ID: member_id,
      FIRST_RUN: application.startedBy.has(person.id) ? undefined : true,
      IS_ADMIN: person.admin,
      INSTALL: install,
      USER_OPTIONS: Object.fromEntries(userOptions(application, person.id)),
      APP_OPTIONS: Object.fromEntries(application.options),
      PLACEMENT: placement,
      PLACEMENT_OPTIONS: options
    }
  }
}
