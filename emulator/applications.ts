// The local applications of one portal: the form that registers them and the life from installation to removal (protocol.md, 5.1, 5.2).
// Must stay true: the application token stays the same as long as the application is registered; only an administrator installs.
import { createHash, randomBytes } from 'node:crypto'
import type { ApplicationForm, RegisteredApplication } from './application.ts'
import type { Credentials } from './credentials.ts'
import type { EventHandlers } from './event-handlers.ts'
import { checkHandlerUrl } from './handler-url.ts'
import type { Placements } from './placements.ts'

interface ApplicationsOptions {
  readonly memberId: () => string
  readonly credentials: Credentials
  readonly events: EventHandlers
  readonly placements: Placements
  /** Whoever filled in the form: the acting user of events that nobody on a page brings about. */
  readonly administrator: number
}

export function createApplications({ memberId, credentials, events, placements, administrator }: ApplicationsOptions) {
  const applications = new Map<string, RegisteredApplication>()
  let lastId = 0

  const get = (clientId: string): RegisteredApplication => {
    const found = applications.get(clientId)
    if (found === undefined) throw new RangeError(`The portal knows no application ${clientId}`)
    return found
  }
  const announceInstallation = (application: RegisteredApplication, person: number) => {
    const data = { VERSION: 1, ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'ru' }
    void events.fire(application, { event: 'ONAPPINSTALL', data, person, withRefreshToken: true })
  }

  return {
    get,
    find: (clientId: string) => applications.get(clientId),
    all: (): RegisteredApplication[] => [...applications.values()],
    /** Saves a new form. @throws {RestError | RangeError} when a field is wrong */
    register(form: ApplicationForm): RegisteredApplication {
      checkForm(form)
      const { clientId = `local.${hex(7)}.${hex(4)}`, clientSecret = hex(25), installUrl, scriptOnly = false } = form
      if (applications.has(clientId)) throw new RangeError(`The portal knows ${clientId} already`)
      const application: RegisteredApplication = {
        id: ++lastId,
        clientId,
        clientSecret,
        applicationToken: createHash('md5').update(`${memberId()}|${clientId}|${clientSecret}`).digest('hex'),
        form,
        scope: form.scope,
        installed: installUrl === undefined || scriptOnly,
        options: new Map(),
        userOptions: new Map(),
        startedBy: new Set()
      }
      applications.set(clientId, application)
      credentials.admit(application)
      if (scriptOnly && installUrl !== undefined) {
        events.bind({ clientId, event: 'ONAPPINSTALL', handler: installUrl, authType: 0, offline: false })
        announceInstallation(application, administrator)
      }
      return application
    },
    /** Saves the form again; that does not touch the installation. @throws as `register` */
    save(clientId: string, change: Partial<Omit<ApplicationForm, 'clientId' | 'clientSecret'>>): void {
      const application = get(clientId)
      const form = { ...application.form, ...change }
      checkForm(form)
      application.form = form
      application.scope = form.scope
    },
    /** What the page's `set_installed` does. Answers whether the person may. */
    setInstalled(application: RegisteredApplication, person: number, installed = true): boolean {
      if (!credentials.person(person).admin) return false
      const before = application.installed
      application.installed = installed
      if (installed && !before) announceInstallation(application, person)
      return true
    },
    /** "Reinstall": the installation page comes again; bindings, options and tokens stay. */
    reinstall(clientId: string): void {
      const application = get(clientId)
      if (application.form.installUrl !== undefined && application.form.scriptOnly !== true) {
        application.installed = false
      }
    },
    /** Deletes it: ONAPPUNINSTALL goes out first, then bindings and tokens go. `clean`: the person wants its data removed. */
    remove(clientId: string, clean = false): void {
      const application = get(clientId)
      const data = { LANGUAGE_ID: 'ru', CLEAN: clean ? '1' : '0' }
      void events.fire(application, { event: 'ONAPPUNINSTALL', data, person: undefined })
      events.unbind(each => each.clientId === clientId)
      placements.unbind(each => each.clientId === clientId)
      credentials.dismiss(application)
      application.installed = false
      applications.delete(clientId)
    }
  }
}

export type Applications = ReturnType<typeof createApplications>

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')

/** The form checks the installation path only; the handler path may be anything up to 1000 characters (protocol.md, 8). */
function checkForm({ handlerUrl, installUrl, scope }: ApplicationForm): void {
  if (handlerUrl === '' || handlerUrl.length > 1000) throw new RangeError('Your handler path: 1 to 1000 characters')
  if (scope.length === 0) throw new RangeError('Assign permissions: at least one')
  if (installUrl !== undefined) checkHandlerUrl(installUrl)
}
