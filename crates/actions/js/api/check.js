// Arguments judged by small schemas, in the words of the service.
'use strict';

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

const TYPES = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  object: isObject,
  array: Array.isArray,
};

function* faults(name, value, schema) {
  if (value === undefined || (value === null && schema.nullable)) {
    if (schema.optional || (value === null && schema.nullable)) return;
    const [, parent, property] = /^(?:(.*)\/)?([^/]*)$/.exec(name);
    yield `${parent?.split('/').at(-1) ?? 'arguments'} must have required property '${property}'`;
    return;
  }
  const shown = name.split('/').at(-1);
  const types = [].concat(schema.type ?? []);
  if (types.length && !types.some((type) => TYPES[type](value))) {
    yield `${shown} must be ${types.join(',')}`;
    return;
  }
  if (typeof value === 'string') {
    if (value.length > (schema.max ?? Infinity)) yield `${shown} must NOT have more than ${schema.max} characters`;
    if (value.length < (schema.min ?? 0)) yield `${shown} must NOT have fewer than ${schema.min} characters`;
    if (schema.pattern && !schema.pattern.test(value)) yield `${shown} must match pattern "${schema.pattern.source}"`;
  }
  if (schema.values && !schema.values.includes(value)) yield `${shown} must be equal to one of the allowed values`;
  if (Array.isArray(value)) {
    if (value.length > (schema.max ?? Infinity)) yield `${shown} must NOT have more than ${schema.max} items`;
    if (value.length < (schema.min ?? 0)) yield `${shown} must NOT have fewer than ${schema.min} items`;
    if (schema.items) for (const [index, item] of value.entries()) yield* faults(`${name}/${index}`, item, schema.items);
  } else if (isObject(value)) {
    const keys = Object.keys(value);
    if (keys.length > (schema.max ?? Infinity)) yield `${shown} must NOT have more than ${schema.max} properties`;
    for (const [key, inner] of Object.entries(schema.properties ?? {})) yield* faults(`${name}/${key}`, value[key], inner);
    for (const key of keys) {
      if (schema.keys && !schema.keys.test(key)) yield `${shown} property name must be valid`;
      if (schema.closed && !(key in schema.properties)) yield `${shown} must NOT have additional properties`;
      if (schema.each) yield* faults(`${name}/${key}`, value[key], schema.each);
    }
  }
}

// Throws what is wrong with named values: `check(prefix, {reason: [value, schema]})`.
exports.check = (prefix, named) => {
  const found = [];
  for (const [name, [value, schema]] of Object.entries(named)) found.push(...faults(name, value, schema));
  if (found.length) throw new Error(prefix + found.join('; '));
};

exports.isObject = isObject;
exports.text = (min, max, more) => ({ type: 'string', min, max, ...more });
exports.optional = (schema) => ({ ...schema, optional: true });
exports.size = (value) => JSON.stringify(value).length;
