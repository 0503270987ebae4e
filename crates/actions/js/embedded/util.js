// Node's util: values as text, promises of callbacks, questions about types.
'use strict';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const tag = (value) => Object.prototype.toString.call(value).slice(8, -1);

function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes('`') ? '`' : "'";
  const escaped = text.replace(/[\\\n\r\t\b\f\v\0]/g, (sign) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f', '\v': '\\v', '\0': '\\x00' })[sign]);
  return mark + escaped.replaceAll(mark, `\\${mark}`) + mark;
}

function inspect(value, options) {
  const depth = options === true ? 2 : options?.depth === null ? Infinity : options?.depth ?? 2;
  return show(value, depth, [], 0);
}
inspect.custom = Symbol.for('nodejs.util.inspect.custom');

function show(value, depth, above, indent) {
  switch (typeof value) {
    case 'string': return quote(value);
    case 'bigint': return `${value}n`;
    case 'number': return Object.is(value, -0) ? '-0' : String(value);
    case 'symbol': return value.toString();
    case 'function': {
      const isClass = /^class\b/.test(Function.prototype.toString.call(value));
      const kind = value.constructor?.name ?? 'Function';
      return isClass ? `[class ${value.name || '(anonymous)'}]` : `[${kind}${value.name ? `: ${value.name}` : ' (anonymous)'}]`;
    }
    default:
  }
  if (value === null || typeof value !== 'object') return String(value);
  if (above.includes(value)) return '[Circular *1]';
  if (typeof value[inspect.custom] === 'function') {
    const shown = value[inspect.custom](depth, {}, inspect);
    return typeof shown === 'string' ? shown : show(shown, depth, above, indent);
  }
  return showObject(value, depth, above, indent);
}

function showObject(value, depth, above, indent) {
  if (value instanceof Error) {
    const extra = Object.keys(value).filter((key) => !['stack', 'message', 'name'].includes(key));
    const head = value.stack?.includes(value.message) && value.stack.startsWith(value.name) ? value.stack.trimEnd() : `${value.name}: ${value.message}\n${value.stack ?? ''}`.trimEnd();
    return extra.length ? `${head} ${braces(extra.map((key) => entry(key, value[key], depth, [...above, value], indent)), '{', '}', indent)}` : head;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return 'Promise { <pending> }';
  if (['Number', 'String', 'Boolean'].includes(tag(value))) return `[${tag(value)}: ${show(value.valueOf(), depth, above, indent)}]`;
  const isPlainArray = Array.isArray(value);
  const name = value.constructor?.name;
  const prefix = Object.getPrototypeOf(value) === null ? '[Object: null prototype] ' : name && name !== 'Object' && !isPlainArray ? `${name} ` : '';
  if (above.length > depth) return isPlainArray ? '[Array]' : `[${prefix.trim() || 'Object'}]`;
  const inside = [...above, value];
  const item = (held) => show(held, depth, inside, indent + 2);
  if (isPlainArray || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const shown = Array.from(value).slice(0, 100).map(item);
    if (value.length > 100) shown.push(`... ${value.length - 100} more item${value.length > 101 ? 's' : ''}`);
    return (isPlainArray ? '' : `${name}(${value.length}) `) + braces(shown, '[', ']', indent);
  }
  if (value instanceof Map) return `Map(${value.size}) ${braces([...value].map(([key, held]) => `${item(key)} => ${item(held)}`), '{', '}', indent)}`;
  if (value instanceof Set) return `Set(${value.size}) ${braces([...value].map(item), '{', '}', indent)}`;
  const entries = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key)).map((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor.get) return `${label(key)}: [${descriptor.set ? 'Getter/Setter' : 'Getter'}]`;
    return entry(key, descriptor.value, depth, inside, indent);
  });
  return prefix + braces(entries, '{', '}', indent);
}

const label = (key) => (typeof key === 'symbol' ? `[${key.toString()}]` : IDENTIFIER.test(key) ? key : quote(key));
const entry = (key, value, depth, above, indent) => `${label(key)}: ${show(value, depth, above, indent + 2)}`;

function braces(items, open, close, indent) {
  if (items.length === 0) return open + close;
  const line = `${open} ${items.join(', ')} ${close}`;
  if (line.length + indent <= 76 && !line.includes('\n')) return line;
  const space = ' '.repeat(indent + 2);
  return `${open}\n${items.map((item) => space + item).join(',\n')}\n${' '.repeat(indent)}${close}`;
}

function format(...parameters) {
  const [first, ...rest] = parameters;
  let text = '';
  let left = parameters;
  if (typeof first === 'string') {
    left = rest;
    text = rest.length === 0 ? first : first.replace(/%[sdifjoOc%]/g, (sign) => {
      if (sign === '%%') return '%';
      if (left.length === 0) return sign;
      const [value] = left;
      left = left.slice(1);
      switch (sign) {
        case '%s': return typeof value === 'object' && value !== null ? inspect(value, { depth: 0 }) : typeof value === 'bigint' ? `${value}n` : String(value);
        case '%d': return typeof value === 'object' ? 'NaN' : String(Number(value));
        case '%i': return String(parseInt(value, 10));
        case '%f': return String(parseFloat(value));
        case '%j': try { return JSON.stringify(value); } catch { return '[Circular]'; }
        case '%c': return '';
        default: return inspect(value, { depth: 4 });
      }
    });
  }
  const others = left.map((value) => (typeof value === 'string' ? value : inspect(value)));
  return (typeof first === 'string' ? [text, ...others] : others).join(' ');
}

const custom = Symbol.for('nodejs.util.promisify.custom');

function promisify(original) {
  if (typeof original !== 'function') throw Object.assign(new TypeError('The "original" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
  if (original[custom]) return original[custom];
  return function (...parameters) {
    return new Promise((resolve, reject) => {
      original.call(this, ...parameters, (error, value) => (error ? reject(error) : resolve(value)));
    });
  };
}
promisify.custom = custom;

function isDeepStrictEqual(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Date) return one.getTime() === other.getTime();
  if (one instanceof RegExp) return String(one) === String(other);
  if (one instanceof Map || one instanceof Set) return one.size === other.size && isDeepStrictEqual([...one], [...other]);
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && isDeepStrictEqual(one[key], other[key]));
}

const is = (name) => (value) => tag(value) === name;

exports.exports = {
  inspect,
  format,
  promisify,
  isDeepStrictEqual,
  inherits(constructor, parent) {
    Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
    Object.setPrototypeOf(constructor.prototype, parent.prototype);
  },
  callbackify: (original) => function (...parameters) {
    const callback = parameters.pop();
    original.apply(this, parameters).then((value) => callback(null, value), (error) => callback(error ?? new Error('The promise was rejected')));
  },
  deprecate: (original) => original,
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  debug: () => Object.assign(() => {}, { enabled: false }),
  stripVTControlCharacters: (text) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
  isArray: Array.isArray,
  get TextEncoder() { return globalThis.TextEncoder; },
  get TextDecoder() { return globalThis.TextDecoder; },
  types: {
    isDate: is('Date'), isRegExp: is('RegExp'), isMap: is('Map'), isSet: is('Set'), isPromise: is('Promise'), isWeakMap: is('WeakMap'), isWeakSet: is('WeakSet'),
    isNativeError: (value) => value instanceof Error, isAsyncFunction: is('AsyncFunction'), isGeneratorFunction: is('GeneratorFunction'), isProxy: () => false,
    isArrayBuffer: is('ArrayBuffer'), isAnyArrayBuffer: (value) => ['ArrayBuffer', 'SharedArrayBuffer'].includes(tag(value)), isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
    isUint8Array: (value) => value instanceof Uint8Array, isArrayBufferView: ArrayBuffer.isView, isDataView: (value) => value instanceof DataView,
    isBoxedPrimitive: (value) => typeof value === 'object' && ['Number', 'String', 'Boolean', 'Symbol', 'BigInt'].includes(tag(value)), isKeyObject: () => false, isCryptoKey: () => false,
  },
};
