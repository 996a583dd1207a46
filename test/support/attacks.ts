// Which tests try attacks and faults, area by area: what docs/security.md lists.
// Must stay true: a file stands here once.

/** An area and its test files, by path from the repository's root. */
export interface Area {
  readonly area: string
  readonly files: readonly string[]
}

export const AREAS: readonly Area[] = [
  {
    area: 'Other sites',
    files: [
      'test/browser/other-sites.test.ts',
      'test/browser/start-page.test.ts',
      'test/http/start-page.test.ts',
      'test/http/hosts.test.ts',
      'test/http/guard.test.ts'
    ]
  },
  {
    area: 'The standalone secret, and secrets at large',
    files: [
      'test/browser/secret-traces.test.ts',
      'test/http/secret-gate.test.ts',
      'test/http/guesses.test.ts',
      'test/http/secrets.test.ts',
      'test/bitrix24/secrets.test.ts',
      'test/store/secrets.test.ts'
    ]
  },
  {
    area: 'Rights and sessions',
    files: [
      'test/http/taken-rights.test.ts',
      'test/http/session.test.ts',
      'test/http/attack-replays.test.ts',
      'test/story/tokens.test.ts'
    ]
  },
  {
    area: 'Authorization server and portal: bogus openings, false and endless answers',
    files: [
      'test/http/attack-addresses.test.ts',
      'test/http/attack-answers.test.ts',
      'test/http/bogus-openings.test.ts',
      'test/http/refused-openings.test.ts',
      'test/http/older-forms.test.ts',
      'test/http/hanging-portal.test.ts',
      'test/core/portal-hosts.test.ts',
      'test/bitrix24/gate.test.ts',
      'test/bitrix24/large-answers.test.ts',
      'test/bitrix24/tls.test.ts'
    ]
  },
  {
    area: 'Removals',
    files: ['test/http/skewed-removals.test.ts', 'test/http/erased-run.test.ts', 'test/story/removal.test.ts']
  },
  {
    area: 'Clocks, and stops',
    files: ['test/core/set-clock.test.ts', 'test/story/set-clock.test.ts', 'test/story/process.test.ts']
  },
  {
    area: 'Crowds, and requests without measure',
    files: [
      'test/http/crowds.test.ts',
      'test/http/input.test.ts',
      'test/core/shared-reads.test.ts',
      'test/core/line.test.ts',
      'test/core/fair-turns.test.ts',
      'test/store/pool.test.ts'
    ]
  },
  {
    area: 'Storage',
    files: [
      'test/store/storage-failure.test.ts',
      'test/store/embedded.test.ts',
      'test/story/storage.test.ts',
      'test/store/certificates.test.ts',
      'test/store/crash.test.ts',
      'test/core/failing-writes.test.ts',
      'test/store/pooler.test.ts',
      'test/store/keeping.test.ts',
      'test/http/keeping-runs.test.ts',
      'test/story/keeping.test.ts'
    ]
  }
]
