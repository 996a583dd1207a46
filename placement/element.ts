// Finds elements that the page's template promises.
// Must stay true: a missing or different element is an error at once, not `null` later.

type Kind<T extends Element> = abstract new () => T

const demand = <T extends Element>(found: Element | null, type: Kind<T>, name: string): T => {
  if (found instanceof type) return found
  throw new Error(`The page has no ${type.name} ${name}`)
}

/** The element with this id. */
export const byId = <T extends Element>(id: string, type: Kind<T>): T => demand(document.getElementById(id), type, id)

/** The descendant with this `data-part`. */
export const part = <T extends Element>(root: ParentNode, name: string, type: Kind<T>): T =>
  demand(root.querySelector(`[data-part="${name}"]`), type, name)

/** A new copy of the row in a `<template>`. */
export const cloneRow = (template: HTMLTemplateElement): HTMLElement =>
  demand(template.content.firstElementChild?.cloneNode(true) as Element | null, HTMLElement, template.id) // a clone of an element

/** Writes texts into the elements with these `data-field`s; text only, whatever it looks like. */
export const fillFields = (row: ParentNode, fields: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(fields)) {
    const field = row.querySelector(`[data-field="${name}"]`)
    if (field !== null) field.textContent = text
  }
}
