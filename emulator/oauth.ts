// The authorization server's token endpoint: refreshing, with rotation (protocol.md, 6.3).
// Must stay true: a failure is `{"error": …}`, sometimes with status 200; a refresh token is used up by its use.
import type { Credentials } from './credentials.ts'
import { type PhpParams, RestError } from './method.ts'

const text = (params: PhpParams, name: string): string => {
  const value = params[name]
  return typeof value === 'string' ? value : ''
}

/** Answers `/oauth/token/`. `params`: query overlaid by the form body. */
export function answerTokenRequest(credentials: Credentials, params: PhpParams): { status: number; body: object } {
  try {
    if (text(params, 'grant_type') !== 'refresh_token')
      throw new RestError(400, 'invalid_request', 'Invalid grant_type')
    const clientId = text(params, 'client_id')
    const tokens = credentials.refreshTokens(clientId, text(params, 'client_secret'), text(params, 'refresh_token'))
    return { status: 200, body: tokens }
  } catch (cause) {
    if (!(cause instanceof RestError)) throw cause
    return { status: cause.status, body: { error: cause.code, error_description: cause.message } }
  }
}
