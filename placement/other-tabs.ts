// Tells the other tabs of this page that something has begun.
// Must stay true: only a hint to look sooner; where a browser denies it (a foreign frame without storage), nothing is missing.

export interface OtherTabs {
  tell(): void
}

/** @param told called when another tab has told */
export const createOtherTabs = (told: () => void): OtherTabs => {
  try {
    const channel = new BroadcastChannel('bitrixcorp')
    channel.addEventListener('message', told)
    return { tell: () => channel.postMessage('run') }
  } catch {
    return { tell: () => undefined }
  }
}
