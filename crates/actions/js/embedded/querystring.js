// Node's querystring.
'use strict';

const escape = (text) => encodeURIComponent(String(text).toWellFormed());
const unescape = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
const primitive = (value) => (['string', 'boolean', 'bigint'].includes(typeof value) || Number.isFinite(value) ? String(value) : '');

exports.exports = {
  escape,
  unescape,
  stringify(object, separator = '&', equals = '=') {
    return Object.entries(object ?? {})
      .flatMap(([name, value]) => [].concat(value).map((item) => escape(name) + equals + escape(primitive(item))))
      .join(separator);
  },
  parse(text, separator = '&', equals = '=') {
    const parsed = Object.create(null);
    for (const pair of String(text ?? '').split(separator).filter(Boolean)) {
      const at = pair.indexOf(equals);
      const [name, value] = (at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + equals.length)]).map((part) => unescape(part.replaceAll('+', ' ')));
      parsed[name] = name in parsed ? [].concat(parsed[name], value) : value;
    }
    return parsed;
  },
};
exports.exports.encode = exports.exports.stringify;
exports.exports.decode = exports.exports.parse;
