// Secrets at rest: sealed with a key made of APP_SECRET, bound to the portal they belong to.
// Must stay true: what was sealed for one portal opens for no other; a text that does not open is no secret of ours, never an error.
import { createHash, hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'

export interface Vault {
  /** `about`: what the text belongs to; authenticated, not secret. */
  seal(text: string, about: string): Promise<string>
  /** Undefined when it was altered, sealed under another APP_SECRET, or for something else. */
  open(sealed: string, about: string): Promise<string | undefined>
}

const ALG = 'dir'
const ENC = 'A256GCM'

export const createVault = (appSecret: string): Vault => {
  const key = new Uint8Array(hkdfSync('sha256', appSecret, '', 'bitrixcorp tokens at rest', 32))
  // Says which APP_SECRET sealed it, and nothing about the key itself.
  const kid = createHash('sha256').update('kid').update(key).digest('base64url').slice(0, 12)
  return {
    seal: (text, about) =>
      new CompactEncrypt(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: ALG, enc: ENC, kid, sub: about })
        .encrypt(key),
    async open(sealed, about) {
      const opened = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: [ALG],
        contentEncryptionAlgorithms: [ENC]
      }).catch(() => undefined)
      if (opened === undefined || opened.protectedHeader.kid !== kid) return undefined
      return opened.protectedHeader['sub'] === about ? new TextDecoder().decode(opened.plaintext) : undefined
    }
  }
}
