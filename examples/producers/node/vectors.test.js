// Each row of docs/wire-vectors.json becomes the payload, the id and the attributes that the vector has.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Contract } from './contract.js';
import { eventId, formatDecimal, formatTime, idName } from './event-id.js';
import { eventOf } from './rows.js';

const file = new URL('../../../docs/wire-vectors.json', import.meta.url);
const { contracts, vectors } = JSON.parse(readFileSync(file, 'utf8'));
const key = ({ subject, version }) => `${subject}:${version}`;
const read = new Map(
  contracts.map((each) => [key(each), new Contract(each.subject, String(each.version), each.schema)]),
);

for (const vector of vectors.filter((each) => each.row && !each.any_encoding)) {
  test(vector.name, () => {
    const contract = read.get(key(vector));
    const event = eventOf(contract.schema, vector.row);
    let id = vector.attributes['ce-id'];
    if (vector.id_name) {
      const values = identity(contract.schema, event, vector.row);
      assert.equal(idName(vector.subject, values), vector.id_name);
      id = eventId(vector.subject, values);
    }
    const message = contract.message(id, vector.attributes['ce-source'], event.at, event);
    assert.equal(message.data.toString('hex'), vector.payload);
    for (const [name, value] of Object.entries(message.attributes)) {
      compare(name, value, vector.attributes[name]);
    }
  });
}

function identity(schema, event, row) {
  return schema.headrace.identity.fields.map((name) => {
    const { type } = schema.fields.find((field) => field.name === name);
    switch (type.logicalType) {
      case 'decimal':
        return formatDecimal(event[name], type.scale);
      case 'timestamp-millis':
        return formatTime(event[name] * 1000n);
      case 'timestamp-micros':
        return formatTime(event[name]);
      case 'date':
      case 'time-micros':
      case 'local-timestamp-micros':
        return row[name]; // the same text
      default:
        return event[name];
    }
  });
}

// Vectors show other attributes that are accepted, too: absent ones, and other forms of a time or a content type.
function compare(name, value, wanted) {
  if (wanted === undefined) return;
  if (name === 'ce-time') {
    assert.equal(Date.parse(value), Date.parse(wanted.toUpperCase()));
  } else if (name === 'content-type') {
    assert.equal(value, wanted.toLowerCase().split(';')[0]);
  } else {
    assert.equal(value, wanted, name);
  }
}
