// Makes the values that the Avro library takes of the JSON that a row has for them.

export function eventOf({ fields }, row) {
  const event = {};
  for (const { name, type } of fields) {
    // The column of an optional array cannot tell null from an empty array.
    event[name] = row[`${name}_is_null`] ? null : valueOf(type, row[name]);
  }
  return event;
}

function valueOf(schema, value) {
  if (Array.isArray(schema)) return branchOf(schema, value);
  if (typeof schema === 'string') schema = { type: schema };
  switch (schema.logicalType) {
    case 'decimal':
      return unscaled(value, schema.scale);
    case 'date':
      return Date.parse(`${value}T00:00:00Z`) / 86_400_000;
    case 'time-millis':
      return Number(micros(`1970-01-01T${value}`)) / 1000;
    case 'time-micros':
      return micros(`1970-01-01T${value}`);
    case 'timestamp-millis':
    case 'local-timestamp-millis':
      return micros(value) / 1000n;
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return micros(value);
  }
  switch (schema.type) {
    case 'record':
      return eventOf(schema, value);
    case 'array':
      return value.map((item) => {
        // The column of an array in an array, or of items that may be null, has a record around each item.
        if (schema.items.type === 'array') return valueOf(schema.items, item.items);
        if (Array.isArray(schema.items)) return valueOf(schema.items, item.value);
        return valueOf(schema.items, item);
      });
    case 'map':
      return Object.fromEntries(value.map((entry) => [entry.key, valueOf(schema.values, entry.value)]));
    case 'bytes':
    case 'fixed':
      return Buffer.from(value, 'hex');
    case 'int':
    case 'float':
    case 'double':
      return Number(value); // also of "NaN", "Infinity" and "-Infinity"
    case 'long':
      return BigInt(value);
    default:
      return value;
  }
}

// The column of several types is a record with a member for each, of which one has a value.
function branchOf(branches, value) {
  if (value === null) return null;
  for (const branch of branches.filter((each) => each !== 'null')) {
    const { type = branch, namespace, name = type } = branch;
    const fullName = namespace ? `${namespace}.${name}` : name;
    const several = typeof value === 'object' && !Array.isArray(value);
    const member = several ? value[`${fullName.replaceAll('.', '_')}_value`] : value;
    if (member !== null && !(several && member.length === 0)) return { [fullName]: valueOf(branch, member) };
  }
  throw new Error('no branch has a value');
}

function unscaled(text, scale) {
  const [whole, fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(scale, '0'));
}

// A Date has milliseconds only.
function micros(text) {
  const [, seconds, fraction = ''] = text.match(/^(.{19})(?:\.(\d{6}))?Z?$/);
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction);
}
