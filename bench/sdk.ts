// The ways that are known: the official SDK's batchByChunk, and fifty to a batch, one batch after another.
// Must stay true: used as their documentation shows; only the scheme is rewritten, because the SDK insists on https.
import { ApiVersion, B24Hook } from '@bitrix24/b24jssdk'
import type { Contender, Work } from './contender.ts'

const hookFor = (webhookUrl: string): B24Hook => {
  const url = new URL(webhookUrl)
  const [, , userId, secret = ''] = url.pathname.split('/')
  const hook = new B24Hook({ b24Url: `https://${url.host}`, userId: Number(userId), secret })
  hook.getTargetOriginWithPath().set(ApiVersion.v2, webhookUrl.replace(/\/$/, ''))
  hook.offClientSideWarning()
  return hook
}

type Call = [method: string, params: Record<string, unknown>]

const companies = (count: number): Call[] =>
  Array.from({ length: count }, (_, n) => ['crm.company.add', { fields: { TITLE: `Company ${n}` } }])
const contacts = (ids: readonly number[]): Call[] =>
  ids.map((id, n) => ['crm.contact.add', { fields: { NAME: 'Name', LAST_NAME: `Contact ${n}`, COMPANY_ID: id } }])

const listAll = async (hook: B24Hook, method: string): Promise<number[]> => {
  const found = await hook.actions.v2.callList.make<{ ID: string }>({ method, params: { select: ['ID'] } })
  return (found.getData() ?? []).map(({ ID }) => Number(ID))
}

/** `batch`: how this contender sends calls and gets results in order. */
const contender = (name: string, batch: (hook: B24Hook, calls: Call[]) => Promise<number[]>): Contender => ({
  name,
  async open(webhookUrl) {
    const hook = hookFor(webhookUrl)
    return {
      async run({ kind, rows }: Work) {
        if (kind === 'create') {
          const ids = await batch(hook, companies(rows / 2))
          await batch(hook, contacts(ids))
          return
        }
        for (const entity of ['contact', 'company']) {
          const ids = await listAll(hook, `crm.${entity}.list`)
          await batch(
            hook,
            ids.map((id): Call => [`crm.${entity}.delete`, { id }])
          )
        }
      },
      rest: async () => undefined,
      close: async () => undefined
    }
  }
})

export const batchByChunk = contender('SDK batchByChunk', async (hook, calls) => {
  const answer = await hook.actions.v2.batchByChunk.make<number>({ calls, options: { isHaltOnError: false } })
  return answer.getData() ?? []
})

/** The original script's way, without the SDK's own throttle in between. */
export const oneAfterAnother: Contender = {
  name: '50 a batch, one after another',
  async open(webhookUrl) {
    const batch = async (calls: Call[]): Promise<number[]> => {
      const ids: number[] = []
      for (let at = 0; at < calls.length; at += 50) {
        const cmd = calls.slice(at, at + 50).map(([method, params]) => `${method}?${encode(params)}`)
        const reply = await fetch(`${webhookUrl}batch`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ halt: 0, cmd })
        })
        const { result } = (await reply.json()) as { result: { result: number[] } }
        ids.push(...Object.values(result.result))
      }
      return ids
    }
    const hook = hookFor(webhookUrl)
    return {
      async run({ kind, rows }) {
        if (kind === 'create') {
          const ids = await batch(companies(rows / 2))
          await batch(contacts(ids))
          return
        }
        for (const entity of ['contact', 'company']) {
          const ids = await listAll(hook, `crm.${entity}.list`)
          await batch(ids.map((id): Call => [`crm.${entity}.delete`, { id }]))
        }
      },
      rest: async () => undefined,
      close: async () => undefined
    }
  }
}

const encode = (params: Record<string, unknown>, prefix = ''): string =>
  Object.entries(params)
    .map(([name, value]) => {
      const key = prefix === '' ? name : `${prefix}[${name}]`
      return typeof value === 'object' && value !== null
        ? encode(value as Record<string, unknown>, key)
        : `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`
    })
    .join('&')
