// Event number k of the task. k is a BigInt, because some numbers need 64 bits.

import { eventId, formatDecimal, formatTime } from './event-id.js';

const SUFFIXES = ['', ' & Söhne <1>', ' "fragile"', '\t\\', '\u2028漢字 😀'];
const DEPOTS = ['NORTH', 'SOUTH', 'EAST'];
const FEE_SCALE = 3; // as the contract has it

/** The fields of the event. Those that version 2 adds are not here: avsc writes their defaults. */
export function scan(k, countsReversed) {
  const scannedAt = 1_767_225_600_000_000n + k * 1_500_000n + (k % 3n);
  const counts = k % 5n ? [['a', k], ['b', -k], ['ç', k * 1_000_000_007n]] : [];
  return {
    parcel: `parcel-${k}${SUFFIXES[k % 5n]}`,
    scanned_at: scannedAt,
    depot: DEPOTS[k % 3n],
    fee: (k - 100n) * 12_345n,
    barcode: (k - 2_500n) * 3_000_000_000_000_007n,
    attempts: Number(k % 7n) - 3,
    express: k % 2n === 1n,
    celsius: k % 4n ? { double: Number(k) / 8 - 20 } : null,
    courier: `00000000-0000-4000-8000-${k.toString(16).padStart(12, '0')}`,
    delivery_day: 20_454 + Number(k % 400n),
    opens_at: (k * 17_000_003n) % 86_400_000_000n,
    scanned_local: scannedAt + 3_600_000_000n,
    label: k % 10n ? fourBytes(k) : Buffer.alloc(0),
    seal: fourBytes(4_294_967_295n - k),
    tags: ['tag-0', 'tag-1', 'tag-2'].slice(0, Number(k % 4n)),
    stops: Array.from({ length: Number(k % 3n) }, (_, number) => ({
      city: `Zürich${number}`,
      minutes: Number(k) * number,
    })),
    counts: Object.fromEntries(countsReversed ? counts.reverse() : counts),
  };
}

/** Its id, of the fields that the contract names in "identity". */
export function scanId(subject, { parcel, scanned_at, depot, fee }) {
  return eventId(subject, [parcel, formatTime(scanned_at), depot, formatDecimal(fee, FEE_SCALE)]);
}

function fourBytes(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Number(number));
  return bytes;
}
