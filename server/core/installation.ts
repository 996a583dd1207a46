// An installation's life on a portal (new → active → deleted), and what the core asks of its store.
// Must stay true: `member_id` is the key for good, the host may change; a deleted installation has no tokens.

export interface Installation {
  /** 32 hex digits; the portal's id everywhere. */
  readonly memberId: string
  /** Scheme and host under which the portal's REST API is called. */
  readonly origin: string
  /** The authorization server that knows it: an origin of the allow-list. */
  readonly authorization: string
  /** Proves events; null until an administrator brought it. */
  readonly applicationToken: string | null
  readonly scope: readonly string[]
  readonly status: 'new' | 'active' | 'deleted'
  /** The PUBLIC_URL under which placements and events were bound; null = not bound. */
  readonly boundTo: string | null
  /** Unix ms of the last verified installation, by the clock of the portal that dates the events. */
  readonly installedAt: number
  /** `ts` (unix seconds) of the last lifecycle event that counted; what is not newer is a replay. */
  readonly lastEventAt: number
}

/** One person's tokens. They print and serialise as stars. */
export class Tokens {
  readonly userId: string
  /** Unix ms. */
  readonly expiresAt: number
  readonly #access: string
  readonly #refresh: string

  constructor(userId: string, access: string, refresh: string, expiresAt: number) {
    this.userId = userId
    this.#access = access
    this.#refresh = refresh
    this.expiresAt = expiresAt
  }

  get access(): string {
    return this.#access
  }

  get refresh(): string {
    return this.#refresh
  }
}

/**
 * Whether tokens that a page or an event brought take the place of the stored ones: an older handshake, sent again, must not undo
 * what came after it. The same access token again brings nothing new, and nobody vouches for the refresh token beside it.
 */
export const areNews = (tokens: Tokens, stored: Tokens | undefined): boolean =>
  stored === undefined || (tokens.access !== stored.access && tokens.expiresAt >= stored.expiresAt)

/** Changes of an installation besides its key. */
export type InstallationChange = Partial<Omit<Installation, 'memberId'>>

/** Every promise may reject with STORAGE_FAILED or DATABASE_FAILED; one that resolved survives a power cut. */
export interface InstallationStore {
  /** Also deleted ones. */
  find(memberId: string): Promise<Installation | undefined>
  /** Stores an installation, new or over an older one, and a person's tokens if they are news, in one transaction. */
  save(installation: Installation, tokens: Tokens): Promise<void>
  /** Does nothing when the installation was deleted meanwhile: what is under way then does not bring it back. */
  change(memberId: string, change: InstallationChange): Promise<void>
  tokens(memberId: string, userId: string): Promise<Tokens | undefined>
  /** Whose tokens are stored. */
  people(memberId: string): Promise<string[]>
  /** Stores tokens that a person brought, if they are news. Does nothing when the installation was deleted meanwhile. */
  saveTokens(memberId: string, tokens: Tokens): Promise<void>
  /**
   * Puts `fresh`, or nothing, in the place of `old`, also when `old` has been forgotten. Does nothing when others are stored,
   * or the installation was deleted meanwhile.
   */
  replaceTokens(memberId: string, old: Tokens, fresh?: Tokens): Promise<void>
  /** Marks it deleted and erases all tokens, with `clean` also the runs of its people, in one transaction. */
  remove(memberId: string, eventAt: number, clean?: boolean): Promise<void>
  /** Erases the runs of its people, unless it was installed again meanwhile. */
  forgetRuns(memberId: string): Promise<void>
}
