// Which addresses a portal takes as handlers of placements, events and installations (protocol.md, 8).
// Must stay true: as in the source, only a dot in the host and the scheme count: 127.0.0.1 passes, localhost does not.
import { RestError } from './method.ts'

/** @throws {RestError} ERROR_WRONG_HANDLER_URL or ERROR_UNSUPPORTED_PROTOCOL */
export function checkHandlerUrl(handler: string): void {
  const url = URL.canParse(handler) ? new URL(handler) : undefined
  if (url === undefined || url.hostname.indexOf('.') <= 0) {
    throw new RestError(400, 'ERROR_WRONG_HANDLER_URL', 'Wrong handler URL')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RestError(400, 'ERROR_UNSUPPORTED_PROTOCOL', 'Unsupported handler protocol')
  }
}
