// Cuts a list into pieces.
// Must stay true: pure; nothing is lost, the order stays.

/** Pieces of `size` items; the last one may be shorter. */
export const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
