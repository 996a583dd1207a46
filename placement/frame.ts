// The portal around the page: the SDK's frame, loaded only where there is a portal to talk to.
// Must stay true: nothing here holds the page up; a portal that keeps silent is an error after ten seconds (the SDK would wait for ever).
import type { B24Frame } from '@bitrix24/b24jssdk'
import type { EntityName } from '../server/core/entities.ts'
import { ApiError, type FrameGrant } from './api.ts'
import { cardPath } from './record-links.ts'

const PATIENCE_MS = 10_000
const SETTLE_MS = 100

/** The portal's protocol, when the window has the name that a portal gives to its frames: `host|1 or 0|APP_SID` (protocol.md, 7.1). */
export const portalProtocol = (windowName: string): 'https' | 'http' | null => {
  const flag = /^[^|\s]+\|([01])\|[0-9A-Za-z]+$/.exec(windowName)?.[1]
  if (flag === undefined) return null
  return flag === '1' ? 'https' : 'http'
}

/** @throws {ApiError} FRAME_SILENT when the promise takes longer, or fails */
export const answered = async <T>(promise: Promise<T>, patience = PATIENCE_MS): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The portal keeps silent')), patience)
  })
  try {
    return await Promise.race([promise, silence])
  } catch (error) {
    throw new ApiError(0, 'FRAME_SILENT', String(error))
  } finally {
    clearTimeout(timer)
  }
}

/** Begins to talk to the portal. @throws {ApiError} FRAME_SILENT */
export const connectPortal = (): Promise<B24Frame> =>
  answered(import('@bitrix24/b24jssdk').then(({ initializeB24Frame }) => initializeB24Frame()))

/** The frame is as high as its content, so that only the portal's page scrolls. */
const keepFitted = (resize: () => Promise<unknown>): void => {
  let timer: ReturnType<typeof setTimeout> | undefined
  // It calls once for what is there already.
  new ResizeObserver(() => {
    clearTimeout(timer)
    timer = setTimeout(() => void resize().catch(() => undefined), SETTLE_MS)
  }).observe(document.body)
}

export interface PortalFrame {
  /** Fresh tokens of whoever sits before the portal now. @throws {ApiError} FRAME_SILENT */
  grant(): Promise<FrameGrant>
  /** Opens a record's card over the page; resolves when it is closed. */
  openRecord(entity: EntityName, id: number): Promise<void>
}

/** Settles into the portal's page. @throws {ApiError} FRAME_SILENT */
export const enterPortal = async (title: string): Promise<PortalFrame> => {
  const b24 = await connectPortal()
  keepFitted(() => b24.parent.fitWindow())
  // Placements are ignored by the portal (protocol.md, trap 45).
  if (b24.placement.isDefault) void b24.parent.setTitle(title).catch(() => undefined)
  return {
    async grant() {
      // Also where the old ones have not run out: the server may have renewed them, and then they count no more.
      await answered(b24.auth.refreshAuth())
      const auth = b24.auth.getAuthData()
      if (auth === false) throw new ApiError(0, 'FRAME_SILENT', 'The portal gave no tokens')
      const { access_token, refresh_token, expires_in, domain, member_id } = auth
      const form = new URLSearchParams({
        member_id,
        AUTH_ID: access_token,
        REFRESH_ID: refresh_token,
        AUTH_EXPIRES: String(expires_in),
        PLACEMENT_OPTIONS: '[]'
      })
      return { domain: new URL(domain).host, form }
    },
    async openRecord(entity, id) {
      await b24.slider.openPath(b24.slider.getUrl(cardPath(entity, id)))
    }
  }
}
