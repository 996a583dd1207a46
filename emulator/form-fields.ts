// Forms as older portals, and those that have nothing to say, post them: without some fields, or with empty ones (traps 15, 16 and 21).
// Must stay true: the order of the fields stays; what is not named is sent as it is.
import type { PortalSettings } from './settings.ts'

type Field = [name: string, value: string]

/** `forms`: by the whole name (`auth[domain]`), or by what stands before its brackets (`data`). */
export function asThisPortalSends(
  fields: readonly (readonly [name: string, value: string])[],
  forms: PortalSettings['formFields']
): Field[] {
  return fields.flatMap(([name, value]): Field[] => {
    const form = forms[name] ?? forms[name.split('[')[0] ?? name]
    if (form === 'absent') return []
    return [[name, form === 'empty' ? '' : value]]
  })
}
