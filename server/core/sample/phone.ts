// Sample phone numbers that no one has.
// Must stay true: the number is a bijection of its slot, and lies in a range from which no operator was given numbers.
import type { SampleLocale } from '../recipe.ts'
import { shuffled } from './draw.ts'

interface PhoneRange {
  readonly size: number
  /** The number at a place of the range, in E.164. */
  at(place: number): string
}

const digits = (value: number, length: number): string => String(value).padStart(length, '0')

const ranges: Readonly<Record<SampleLocale, PhoneRange>> = {
  // +7 5nn nnn-nn-nn. Numbers of the Russian plan (orders 142 of 17.11.2006 and 75 of 31.01.2022) begin with the area
  // codes 3XX, 4XX, 8XX or the mobile and service codes 9XX; Kazakhstan's begin with 6XX and 7XX. 5XX is Russia's reserve
  // (agreement on the 7th numbering zone of 27.11.2024, as already that of 2006): no operator has numbers in it.
  // Not taken: 1XX, which behind the trunk prefix 8 reads as 8~10, the way abroad; 0XX, as 0 is to follow 8 as that prefix.
  ru: { size: 1_000_000_000, at: place => `+75${digits(place, 9)}` },
  // +1 N9n 555-nnnn. Area codes with a 9 in the middle are kept for the growth of the North American plan to longer
  // numbers and are not assigned (NANPA, "About area codes"); 555 is the exchange of fiction besides. The usual 555-0100
  // to 555-0199 would give 8 000 numbers, a run needs up to 200 000. N = 9 stays out: 999 looks like an emergency.
  en: {
    size: 7 * 10 * 10_000,
    at: place => {
      const area = Math.floor(place / 10_000)
      return `+1${2 + Math.floor(area / 10)}9${area % 10}555${digits(place % 10_000, 4)}`
    }
  }
}

/**
 * The phone number of a slot, in E.164. Different slots of one key never share a number.
 * @throws {RangeError} when the slot is beyond the range (ru: 10^9 slots, en: 700 000)
 */
export const samplePhone = (locale: SampleLocale, slot: number, key: number): string => {
  const range = ranges[locale]
  return range.at(shuffled(slot, range.size, key))
}
