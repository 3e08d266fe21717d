// The id of an event, derived from its fields, as docs/identity.md describes it.

import { createHash } from 'node:crypto';

const NAMESPACE = '6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11';

/** The id of an event with these values in the fields that the contract names in "identity". */
export function eventId(subject, values) {
  const hash = createHash('sha1')
    .update(Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(idName(subject, values), 'utf8')
    .digest();
  hash[6] = (hash[6] & 0x0f) | 0x50; // version 5
  hash[8] = (hash[8] & 0x3f) | 0x80; // variant of RFC 9562
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The text that is hashed. Integers are BigInts; times and decimals are texts, made by the functions below. */
export function idName(subject, values) {
  const pieces = values.map((value) => {
    if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('hex')}"`;
    // JSON.stringify escapes as the rule does: \b \t \n \f \r, \u001f in lower case, and nothing beyond ASCII.
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  });
  return `[${[JSON.stringify(subject), ...pieces].join(',')}]`;
}

/**
 * A moment in microseconds as an id has it: six digits of a second, or none. ce-time may have this form, too.
 * Date.toISOString would write three digits, and a Date holds no microseconds.
 */
export function formatTime(micros) {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString().slice(0, 19);
  return fraction ? `${seconds}.${String(fraction).padStart(6, '0')}Z` : `${seconds}Z`;
}

/** A decimal as an id has it, with as few digits as it needs. */
export function formatDecimal(unscaled, scale) {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  const whole = digits.slice(0, digits.length - scale);
  return (unscaled < 0n ? '-' : '') + whole + (fraction && `.${fraction}`);
}
