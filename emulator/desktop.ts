// The portal's own pages for people, and what their scripts ask the portal for.
// Must stay true: scripts and styles come as files from this origin (strict CSP); bodies are checked before anything is done.
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import type { Applications } from './applications.ts'
import { ASSETS, createDesktopPages } from './desktop-pages.ts'
import { TEXTS } from './desktop-texts.ts'
import { createFrameCommands } from './frame-commands.ts'
import type { Person } from './method.ts'
import { movedLocation } from './moved.ts'
import { OpeningRefused } from './openings.ts'
import { encodeJson } from './php.ts'
import type { ApplicationParts } from './portal-applications.ts'
import { readBody } from './request.ts'
import type { PortalSettings } from './settings.ts'
import type { PortalState } from './state.ts'

interface DesktopOptions extends ApplicationParts {
  readonly state: PortalState
  readonly settings: PortalSettings
  readonly people: readonly Person[]
}

/** Frames and forms go to applications on any origin; everything else is the portal's own. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  'frame-src http: https:',
  'form-action http: https:',
  "frame-ancestors 'self'",
  "base-uri 'none'"
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml'
}

const language = z.enum(['ru', 'en'])
const openSchema = z.object({
  clientId: z.string(),
  placement: z.string().optional(),
  handler: z.string().optional(),
  options: z.record(z.string(), z.unknown()).optional(),
  uri: z.string().optional(),
  user: z.int(),
  lang: language
})
const frameSchema = z.object({ sid: z.string(), command: z.string(), params: z.unknown() })
const applicationSchema = z.object({
  clientId: z.string(),
  action: z.enum(['remove', 'reinstall']),
  clean: z.boolean(),
  user: z.int()
})

interface Reply {
  readonly status: number
  readonly body: object
}

const REFUSED: Reply = { status: 403, body: {} }

/** Answers everything that is neither REST nor unknown. */
export function desktopHandler(options: DesktopOptions): Middleware {
  const { people, settings, applications, credentials, openings } = options
  const page = createDesktopPages(options)
  const command = createFrameCommands({ applications, credentials })

  const actions: Readonly<Record<string, (body: unknown) => Reply>> = {
    '/desktop/open'(body) {
      const { user, lang, ...wish } = openSchema.parse(body)
      try {
        const { sid, frameName, url, fields, appOrigin, placement, install, application } = openings.open({
          ...wish,
          person: user,
          lang
        })
        const { form, id, clientId } = application
        const appPath = `/marketplace/app/${id}/`
        const shown = { sid, frameName, url, fields, appOrigin, placement, install, clientId, appPath }
        return { status: 200, body: { ...shown, title: form.title[lang] } }
      } catch (cause) {
        if (!(cause instanceof OpeningRefused)) throw cause
        const { notFullyInstalled, cannotOpen } = TEXTS[lang]
        return { status: 403, body: { message: cause.reason === 'not-installed' ? notFullyInstalled : cannotOpen } }
      }
    },
    '/desktop/frame'(body) {
      const { sid, command: name, params } = frameSchema.parse(body)
      const opening = openings.find(sid)
      const done = opening && command(opening, name, toMap(params))
      return done === undefined ? REFUSED : { status: 200, body: done }
    },
    '/desktop/application'(body) {
      const { user, action, clientId, clean } = applicationSchema.parse(body)
      if (!credentials.person(user).admin) return REFUSED
      changeApplication(applications, action, clientId, clean)
      return { status: 200, body: { done: true } }
    }
  }

  return async function answerDesktop(ctx, next) {
    const location = movedLocation(ctx, settings.movedTo)
    if (location !== undefined) return ctx.redirect(location)
    const action = actions[ctx.path]
    // A script of another site cannot send this type without asking first, and nobody here answers such a question.
    if (action !== undefined && ctx.method === 'POST' && ctx.is('json')) return await act(ctx, action)
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return await next()
    ctx.set({ 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' })
    const asset = /^\/desktop\/([a-z-]+\.(?:js|css|svg))$/.exec(ctx.path)?.[1]
    if (asset !== undefined) return await sendAsset(ctx, asset)
    const wanted = Number(ctx.query['user'])
    const person = people.find(each => each.id === wanted) ?? people[0]
    if (person === undefined) return await next()
    const { status, html } = page({
      path: ctx.path,
      person,
      lang: language.catch('ru').parse(ctx.query['lang']),
      inSlider: ctx.query['IFRAME'] === 'Y',
      installFinished: ctx.query['install_finished'] === 'Y'
    })
    ctx.status = status
    ctx.type = 'html'
    ctx.body = html
  }
}

async function act(ctx: Context, action: (body: unknown) => Reply): Promise<void> {
  let reply: Reply
  try {
    reply = action(JSON.parse((await readBody(ctx.req)) ?? ''))
  } catch (cause) {
    // A wrong body, an unknown person or application: a page that is out of date.
    if (!(cause instanceof z.ZodError || cause instanceof SyntaxError || cause instanceof RangeError)) throw cause
    reply = { status: 400, body: {} }
  }
  ctx.status = reply.status
  ctx.type = 'json'
  ctx.body = encodeJson(reply.body)
}

function changeApplication(
  applications: Applications,
  action: 'remove' | 'reinstall',
  clientId: string,
  clean: boolean
): void {
  if (action === 'remove') applications.remove(clientId, clean)
  else applications.reinstall(clientId)
}

async function sendAsset(ctx: Context, name: string): Promise<void> {
  const content = await readFile(join(ASSETS, name)).catch(() => undefined)
  if (content === undefined) return
  ctx.type = TYPES[extname(name)] ?? 'application/octet-stream'
  ctx.body = content
}

/** Commands come with a map of parameters, or with `[]` when they have none. */
const toMap = (params: unknown): { [name: string]: unknown } =>
  typeof params === 'object' && params !== null ? { ...params } : {}
