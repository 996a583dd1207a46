// The placements that applications bound, and which of them a person sees.
// Must stay true: one handler once per application and place; an application that is not installed shows nothing.
import type { RegisteredApplication } from './application.ts'
import type { PhpParams } from './method.ts'
import { mapOf, textOf } from './parameters.ts'
import { PLACEMENT_CODES } from './placement-codes.ts'

export type Language = 'ru' | 'en'

export interface PlacementBinding {
  readonly id: number
  readonly clientId: string
  readonly placement: string
  readonly handler: string
  /** 0: everyone's. */
  readonly userId: number
  readonly title: string
  readonly description: string
  readonly groupName: string
  /** Texts by language, as given. */
  readonly langAll: PhpParams
  readonly options: PhpParams
}

export function createPlacements(offered: () => readonly string[] | undefined) {
  let bindings: PlacementBinding[] = []
  let lastId = 0
  return {
    /** Whether the portal has this place and an application with such scopes may use it. */
    offers(code: string, scope: readonly string[]): boolean {
      const needed = PLACEMENT_CODES.get(code)
      if (needed === undefined || !(offered()?.includes(code) ?? true)) return false
      return needed === null || scope.includes(needed)
    },
    of: (clientId: string): PlacementBinding[] => bindings.filter(each => each.clientId === clientId),
    byId: (id: number): PlacementBinding | undefined => bindings.find(each => each.id === id),
    /** Answers false when this handler is bound already. */
    bind(wanted: Omit<PlacementBinding, 'id'>): boolean {
      const same = (each: PlacementBinding) =>
        each.clientId === wanted.clientId &&
        each.placement === wanted.placement &&
        each.handler === wanted.handler &&
        each.userId === wanted.userId
      if (bindings.some(same)) return false
      bindings.push({ ...wanted, id: ++lastId })
      return true
    },
    /** Answers how many went. */
    unbind(gone: (binding: PlacementBinding) => boolean): number {
      const before = bindings.length
      bindings = bindings.filter(each => !gone(each))
      return before - bindings.length
    },
    /** What a person sees in one place. */
    shown(placement: string, person: number, applications: Iterable<RegisteredApplication>): PlacementBinding[] {
      const installed = new Set<string>()
      for (const { clientId, installed: isInstalled } of applications) if (isInstalled) installed.add(clientId)
      return bindings.filter(
        each =>
          each.placement === placement &&
          installed.has(each.clientId) &&
          (each.userId === 0 || each.userId === person) &&
          (offered()?.includes(placement) ?? true)
      )
    }
  }
}

export type Placements = ReturnType<typeof createPlacements>

/** LANG_ALL wins over TITLE; without either it is the application's title. */
export const titleOf = (binding: PlacementBinding, language: Language, application: RegisteredApplication): string =>
  textOf(mapOf(binding.langAll[language])['TITLE']) || binding.title || application.form.title[language]
