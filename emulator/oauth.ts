// What an authorization server answers: refreshing with rotation, and what a token stands for (protocol.md, 6.3 and 6.4).
// Must stay true: a failure is `{"error": …}`, sometimes with status 200; a refresh token is used up by its use.
import type { Credentials } from './credentials.ts'
import { type PhpParams, RestError } from './method.ts'
import { textOf } from './parameters.ts'
import { portalTime } from './portal-time.ts'

/** Status and JSON body. */
export interface ServerAnswer {
  readonly status: number
  readonly body: object
}

/** `params`: query overlaid by the form body. `portals`: everyone whose tokens this server gives out. */
export function answerTokenRequest(portals: readonly Credentials[], params: PhpParams): ServerAnswer {
  return answered(() => {
    const clientId = textOf(params['client_id'])
    const secret = textOf(params['client_secret'])
    const grantType = textOf(params['grant_type'])
    if (grantType !== 'refresh_token' && grantType !== 'authorization_code') {
      throw new RestError(400, 'invalid_request', 'Invalid grant_type')
    }
    const name = grantType === 'refresh_token' ? 'refresh_token' : 'code'
    const key = textOf(params[name])
    if (key === '') throw new RestError(400, 'invalid_request', `No "${name}" parameter found`)
    const secrets = portals.flatMap(portal => portal.secretOf(clientId) ?? [])
    // Whoever is not known, or not any more, is told so with status 200 (b24pysdk, test_errors_oauth.py).
    if (secrets.length === 0) throw new RestError(200, 'wrong_client', '')
    if (!secrets.includes(secret)) throw new RestError(400, 'invalid_client', '')
    // No code is ever given out here, so each is a wrong one.
    const portal = grantType === 'refresh_token' && portals.find(each => each.hasRefreshToken(key))
    if (!portal) throw new RestError(400, 'invalid_grant', '')
    return portal.refreshTokens(clientId, key)
  })
}

/** `app.info` of the authorization server. `now`: unix milliseconds. */
export function answerAppInfo(
  portals: readonly Credentials[],
  accessToken: string | undefined,
  now: number
): ServerAnswer {
  return answered(() => {
    const portal = portals.find(each => accessToken !== undefined && each.hasAccessToken(accessToken))
    if (portal === undefined) throw new RestError(400, 'invalid_client', '')
    const { application, person, expires } = portal.accessGrant(accessToken)
    const { domain, client_endpoint, member_id } = portal.endpoints()
    const scope = application.scope.join(',')
    const install = {
      installed: application.installed,
      version: '1',
      status: 'L',
      scope,
      domain,
      uri: new URL(client_endpoint).origin,
      client_endpoint,
      member_id,
      member_type: 'CLOUD'
    }
    // The same moment in three forms by now: here ISO, at the token endpoint a number, in events text (trap 20).
    const info = { expires: portalTime(expires * 1000, 0), install, user_id: String(person.id) }
    return { result: { client_id: application.clientId, scope, ...info }, time: timeOf(now) }
  })
}

function answered(work: () => object): ServerAnswer {
  try {
    return { status: 200, body: work() }
  } catch (cause) {
    if (!(cause instanceof RestError)) throw cause
    const text = cause.message === '' ? {} : { error_description: cause.message }
    return { status: cause.status, body: { error: cause.code, ...text } }
  }
}

const timeOf = (now: number) => ({
  start: now / 1000,
  finish: now / 1000,
  duration: 0,
  processing: 0,
  date_start: portalTime(now, 0),
  date_finish: portalTime(now, 0)
})
