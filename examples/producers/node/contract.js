// The messages of docs/wire.md: one bare datum and seven attributes. Copy this file into your own publisher.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import avro from 'avsc';
import { formatTime } from './event-id.js';

// Every long is a BigInt, and so is every time in microseconds. avsc's own longs are numbers: they have 53 bits, and
// version 5 writes those below -2^52 as positive.
const longs = avro.types.LongType.__with({
  fromBuffer: (bytes) => bytes.readBigInt64LE(),
  toBuffer: (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (one, other) => (one < other ? -1 : Number(one > other)),
});

// A decimal is its unscaled number, as a BigInt: 12.5 with scale 2 is 1250n.
class Decimals extends avro.types.LogicalType {
  constructor(schema, options) {
    super(schema, options);
    this.limit = 10n ** BigInt(schema.precision);
    this.size = schema.size; // of a fixed
  }

  _toValue(unscaled) {
    if (typeof unscaled !== 'bigint' || unscaled >= this.limit || unscaled <= -this.limit) {
      return undefined; // which avsc refuses
    }
    let size = this.size ?? 1;
    while (BigInt.asIntN(8 * size, unscaled) !== unscaled) size++;
    const digits = BigInt.asUintN(8 * size, unscaled).toString(16).padStart(2 * size, '0');
    return Buffer.from(digits, 'hex'); // two's complement, the highest byte first, never empty
  }

  _fromValue(bytes) {
    return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
  }
}

export class Contract {
  constructor(subject, version, schema) {
    this.subject = subject;
    this.version = version;
    this.schema = schema;
    this.type = avro.Type.forSchema(schema, {
      logicalTypes: { decimal: Decimals },
      typeHook: (each) => (each === 'long' || each.type === 'long' ? longs : undefined),
      wrapUnions: 'always', // {double: 1.5} or null, so that no branch is guessed
    });
  }

  /** Reads a file such as parcel_scanned.v1.avsc. */
  static async read(path) {
    const [, subject, version] = basename(path).match(/^(.+)\.v(\d+)\.avsc$/);
    return new Contract(subject, version, JSON.parse(await readFile(path, 'utf8')));
  }

  /** The message of an event. `micros` is the event time, the same as in the event's field. */
  message(id, source, micros, event) {
    return {
      data: this.type.toBuffer(event),
      attributes: {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-type': this.subject,
        'ce-source': source,
        'ce-time': formatTime(micros),
        'ce-dataschema': `headrace:${this.subject}:${this.version}`,
        'content-type': 'application/avro',
      },
    };
  }
}
