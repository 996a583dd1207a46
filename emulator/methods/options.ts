// app.option.*, user.option.* and feature.get: what an application keeps in the portal, and what its plan allows (protocol.md, 6.6).
// Must stay true: options belong to one application (and one person); only an administrator changes those of the application.
import type { RegisteredApplication } from '../application.ts'
import type { Applications } from '../applications.ts'
import { type CallContext, type Method, type PhpParams, RestError } from '../method.ts'
import { mapOf, required, textOf, upperCased } from '../parameters.ts'
import type { Plan } from '../settings.ts'

type Options = Map<string, unknown>

/** What feature.get knows, with the plans that have it. */
const FEATURES: Readonly<Record<string, readonly Plan[]>> = {
  rest_offline_extended: ['enterprise', 'box'],
  rest_auth_connector: ['enterprise', 'box']
}

export function optionMethods(applications: Applications, plan: Plan): Method[] {
  const pair = (prefix: string, optionsOf: (context: CallContext) => Options, adminSets: boolean): Method[] => [
    {
      name: `${prefix}.get`,
      scope: null,
      handle: context => ({ result: read(optionsOf(context), upperCased(context.params)) })
    },
    {
      name: `${prefix}.set`,
      scope: null,
      handle(context) {
        const options = optionsOf(context)
        if (adminSets && !context.credential.person.admin) {
          throw new RestError(403, 'ACCESS_DENIED', 'Access denied! Administrator authorization required')
        }
        return { result: write(options, upperCased(context.params)) }
      }
    }
  ]
  const applicationOf = ({ credential }: CallContext): RegisteredApplication => {
    const application = credential.type === 'application' ? applications.find(credential.id) : undefined
    if (application === undefined) {
      throw new RestError(403, 'ACCESS_DENIED', 'Access denied! Application context required')
    }
    return application
  }
  return [
    ...pair('app.option', context => applicationOf(context).options, true),
    ...pair('user.option', context => userOptions(applicationOf(context), context.credential.person.id), false),
    {
      name: 'feature.get',
      scope: null,
      handle({ params }) {
        const code = textOf(upperCased(params)['CODE'])
        if (code === '') throw new RestError(400, 'CODE_EMPTY', "CODE can't be empty")
        return { result: { value: FEATURES[code]?.includes(plan) === true ? 'Y' : 'N' } }
      }
    }
  ]
}

/** The options of one person in an application, made when they are first asked for. */
export function userOptions({ userOptions: all }: RegisteredApplication, person: number): Options {
  const options: Options = all.get(person) ?? new Map()
  all.set(person, options)
  return options
}

function read(options: Options, params: PhpParams): unknown {
  const name = textOf(params['OPTION'])
  return name === '' ? Object.fromEntries(options) : (options.get(name) ?? '')
}

function write(options: Options, params: PhpParams): true {
  const given = Object.entries(mapOf(params['OPTIONS']))
  if (given.length === 0) required({}, 'options')
  for (const [name, value] of given) options.set(name, value)
  return true
}
