// What to do about a certificate of PostgreSQL that Node does not accept.
// Must stay true: judged by the codes of Node's TLS, never by words.
import { reasonOf } from './data-dir.ts'

const UNTRUSTED: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED'
]

const codeOf = (error: unknown): unknown => {
  if (error instanceof AggregateError) return error.errors.map(codeOf).find(code => code !== undefined)
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Undefined where it is no trouble with a certificate. */
export const certificateRefusal = (error: unknown): string | undefined => {
  const code = codeOf(error)
  const shows = (what: string, advice: string): string =>
    `The database at DATABASE_URL shows a certificate that ${what} (${reasonOf(error)}). ${advice}`
  if (typeof code !== 'string') return undefined
  if (UNTRUSTED.includes(code))
    return shows(
      'this machine does not trust',
      'If it is yours, name the authority that signed it, or the certificate itself where it signed itself: add sslrootcert=/path/to/ca.pem to the parameters of DATABASE_URL (…?sslmode=verify-full&sslrootcert=/path/to/ca.pem), or start with NODE_EXTRA_CA_CERTS=/path/to/ca.pem in the environment.'
    )
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return shows(
      'is made out to another name',
      'Use the name in the certificate in DATABASE_URL, or get a certificate for this one.'
    )
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return shows('is not valid today', 'Renew it, or set the clock of this machine.')
  return undefined
}
