// Hands a file to the person.
// Must stay true: the file comes from memory, because a link could not carry the secret.

/** Saves a blob under a name. */
export const saveFile = (file: Blob, name: string): void => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  // The browser has taken the address by then, but not always the data.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
