// Which contact belongs to which company, in which order, and which company is the primary one.
// Must stay true: a contact that has links has exactly one primary; both directions always agree.

export interface Link {
  readonly contactId: number
  readonly companyId: number
  readonly sort: number
  readonly primary: boolean
}

/** A wanted link of a contact. Without `sort`: 10, 20, …; without any `primary`: the first one is. */
export interface WantedLink {
  readonly companyId: number
  readonly sort?: number | undefined
  readonly primary?: boolean | undefined
}

/** Keeps sort order and exactly one primary: the first wanted, else the first of all. */
function settle(contactId: number, wanted: readonly WantedLink[]): Link[] {
  const primaryAt = Math.max(
    0,
    wanted.findIndex(link => link.primary)
  )
  return wanted
    .map((link, at) => ({
      contactId,
      companyId: link.companyId,
      sort: link.sort ?? (at + 1) * 10,
      primary: at === primaryAt
    }))
    .sort((one, other) => one.sort - other.sort)
}

export class LinkTable {
  readonly #ofContact = new Map<number, readonly Link[]>()
  readonly #contactsOf = new Map<number, Set<number>>()

  /** Links of a contact, ascending by SORT. */
  ofContact(contactId: number): readonly Link[] {
    return this.#ofContact.get(contactId) ?? []
  }

  /** Links of a company, ascending by contact id. */
  ofCompany(companyId: number): Link[] {
    return this.contactIds(companyId).map(
      // Both directions agree, so the link is there.
      contactId => this.ofContact(contactId).find(link => link.companyId === companyId) as Link
    )
  }

  /** Ids of a company's contacts, ascending. */
  contactIds(companyId: number): number[] {
    return [...(this.#contactsOf.get(companyId) ?? [])].sort((one, other) => one - other)
  }

  /** The contact's primary company. */
  primary(contactId: number): number | undefined {
    return this.#ofContact.get(contactId)?.find(link => link.primary)?.companyId
  }

  has(contactId: number, companyId: number): boolean {
    return this.#contactsOf.get(companyId)?.has(contactId) ?? false
  }

  /** Replaces all links of a contact. Company ids must be unique. */
  replace(contactId: number, wanted: readonly WantedLink[]): void {
    for (const link of this.ofContact(contactId)) this.#forget(contactId, link.companyId)
    if (wanted.length === 0) {
      this.#ofContact.delete(contactId)
      return
    }
    this.#ofContact.set(contactId, settle(contactId, wanted))
    for (const { companyId } of wanted) {
      const contacts = this.#contactsOf.get(companyId)
      if (contacts === undefined) this.#contactsOf.set(companyId, new Set([contactId]))
      else contacts.add(contactId)
    }
  }

  /** Adds or changes one link. SORT of a new one: the highest so far + 10 (docs, crm-contact-company-add.md). */
  put(contactId: number, link: WantedLink): void {
    const before = this.ofContact(contactId)
    const old = before.find(({ companyId }) => companyId === link.companyId)
    const others = before.filter(({ companyId }) => companyId !== link.companyId)
    const sort = link.sort ?? old?.sort ?? Math.max(0, ...before.map(each => each.sort)) + 10
    const primary = link.primary ?? old?.primary ?? false
    this.replace(contactId, [
      ...others.map(each => (primary ? { ...each, primary: false } : each)),
      { companyId: link.companyId, sort, primary }
    ])
  }

  /** Removes one link; a lost primary moves to the lowest company id that is left (protocol.md, 4.8). */
  remove(contactId: number, companyId: number): boolean {
    if (!this.has(contactId, companyId)) return false
    const left = this.ofContact(contactId).filter(link => link.companyId !== companyId)
    const hasPrimary = left.some(link => link.primary)
    const lowest = Math.min(...left.map(link => link.companyId))
    this.replace(contactId, hasPrimary ? left : left.map(link => ({ ...link, primary: link.companyId === lowest })))
    return true
  }

  dropContact(contactId: number): void {
    this.replace(contactId, [])
  }

  dropCompany(companyId: number): void {
    for (const contactId of this.contactIds(companyId)) this.remove(contactId, companyId)
  }

  #forget(contactId: number, companyId: number): void {
    const contacts = this.#contactsOf.get(companyId)
    contacts?.delete(contactId)
    if (contacts?.size === 0) this.#contactsOf.delete(companyId)
  }
}
