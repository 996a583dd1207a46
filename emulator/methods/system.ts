// The methods that belong to no section of the portal: who am I, what is this, what can I call (protocol.md, 6.6).
// Must stay true: identities come from the credential alone; `batch` is listed here and executed in batch.ts.
import type { Applications } from '../applications.ts'
import type { CallContext, Method, PhpParams } from '../method.ts'
import { truthy } from '../php.ts'
import { portalTime } from '../portal-time.ts'
import type { Plan } from '../settings.ts'

/** Every scope that the portal knows; those of our methods and a few others that applications ask for. */
const SCOPES = ['crm', 'placement', 'user', 'user_brief', 'user_basic', 'task', 'department', 'im', 'disk']

const LICENSES: Readonly<Record<Plan, { readonly name: string; readonly family: string }>> = {
  standard: { name: 'ru_std', family: 'std' },
  enterprise: { name: 'ru_ent250', family: 'ent' },
  box: { name: 'ru_selfhosted', family: 'selfhosted' }
}

/** profile, user.current, user.admin, app.info, scope, methods, method.get, server.time. */
export function systemMethods(plan: Plan, applications: Applications): Method[] {
  const license = LICENSES[plan]
  return [
    { name: 'profile', scope: null, handle: ({ credential }) => ({ result: profile(credential.person) }) },
    { name: 'user.current', scope: 'user', handle: context => ({ result: currentUser(context) }) },
    { name: 'user.admin', scope: null, handle: ({ credential }) => ({ result: credential.person.admin }) },
    { name: 'app.info', scope: null, handle: context => ({ result: appInfo(context, license, applications) }) },
    {
      name: 'scope',
      scope: null,
      handle: ({ credential, params }) => ({ result: truthy(upper(params, 'FULL')) ? SCOPES : credential.scope })
    },
    { name: 'methods', scope: null, handle: context => ({ result: methodNames(context) }) },
    { name: 'method.get', scope: null, handle: context => ({ result: methodInfo(context) }) },
    {
      name: 'server.time',
      scope: null,
      handle: ({ now, state }) => ({ result: portalTime(now, state.utcOffsetMinutes) })
    }
  ]
}

type Person = CallContext['credential']['person']

const profile = (person: Person) => ({
  ID: String(person.id),
  ADMIN: person.admin,
  NAME: person.name,
  LAST_NAME: person.lastName,
  PERSONAL_GENDER: '',
  TIME_ZONE: ''
})

/** `user_brief` shows no contact data. */
function currentUser({ credential, now, state }: CallContext): object {
  const { person, scope } = credential
  const brief = !scope.includes('user') && !scope.includes('user_basic')
  return {
    ID: String(person.id),
    XML_ID: null,
    ACTIVE: true,
    NAME: person.name,
    LAST_NAME: person.lastName,
    ...(!brief && { EMAIL: `user${person.id}@portal.example` }),
    LAST_LOGIN: portalTime(now, state.utcOffsetMinutes),
    DATE_REGISTER: portalTime(0, state.utcOffsetMinutes),
    IS_ONLINE: 'Y',
    LAST_ACTIVITY_DATE: '',
    TIMESTAMP_X: '',
    PERSONAL_GENDER: '',
    PERSONAL_BIRTHDAY: '',
    WORK_POSITION: '',
    UF_EMPLOYMENT_DATE: '',
    UF_DEPARTMENT: [1],
    USER_TYPE: 'employee'
  }
}

/** What the source answers a webhook; the docs list 403 "Application context required" instead (protocol.md, 6.6). */
function appInfo(
  { credential }: CallContext,
  license: { name: string; family: string },
  applications: Applications
): object {
  if (credential.type === 'webhook') return { SCOPE: credential.scope, LICENSE: license.name }
  const application = applications.get(credential.id)
  return {
    ID: application.id,
    CODE: credential.id,
    VERSION: 1,
    STATUS: 'L',
    INSTALLED: application.installed,
    PAYMENT_EXPIRED: 'N',
    DAYS: null,
    LANGUAGE_ID: 'ru',
    LICENSE: license.name,
    LICENSE_TYPE: license.family,
    LICENSE_FAMILY: license.family
  }
}

function methodNames({ credential, params, methods }: CallContext): string[] {
  const wanted = upper(params, 'SCOPE')
  const full = truthy(upper(params, 'FULL'))
  const fits = (scope: string | null): boolean => {
    if (wanted !== undefined && wanted !== null) return scope === (wanted === '' ? null : wanted)
    return full || scope === null || credential.scope.includes(scope)
  }
  const names = [...methods.values()].filter(method => fits(method.scope)).map(method => method.name.toLowerCase())
  return fits(null) ? ['batch', ...names] : names
}

/** The name counts as written here: lower case only. */
function methodInfo({ credential, params, methods }: CallContext): object {
  const name = typeof params.name === 'string' ? params.name : ''
  const method = methods.get(name)
  const isExisting = name === 'batch' || method !== undefined
  const scope = method?.scope ?? null
  return { isExisting, isAvailable: isExisting && (scope === null || credential.scope.includes(scope)) }
}

const upper = (params: PhpParams, name: string): unknown =>
  params[Object.keys(params).findLast(key => key.toUpperCase() === name) ?? name]
