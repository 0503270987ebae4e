// Thrown values as the server tells them: name, message, and where in the tenant's code it was.
'use strict';

exports.describe = (thrown, program) => {
  if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) {
    return { name: 'Error', message: text(() => thrown) };
  }
  const stack = text(() => thrown.stack ?? '');
  return {
    name: text(() => thrown.name || thrown.constructor?.name || 'Error').slice(0, 256),
    message: text(() => thrown.message ?? JSON.stringify(thrown)).slice(0, 16384),
    stack: clean(stack, program) || undefined,
    ...position(stack, program),
    properties: properties(thrown),
  };
};

// The thrown value is the tenant's: any access may throw again.
function text(read) {
  try {
    return String(read());
  } catch {
    return 'The error cannot be shown.';
  }
}

function clean(stack, { packages, modules }) {
  const prefixes = [packages, ...modules.map((module) => module.packages)].filter(Boolean);
  return stack
    .split('\n')
    .filter((line) => !/\(?(aught:|node:|native\))/.test(line))
    .map((line) => prefixes.reduce((shown, prefix) => shown.replaceAll(`${prefix}/`, ''), line))
    .slice(0, 32)
    .join('\n')
    .trimEnd()
    .slice(0, 8192);
}

function position(stack, { filename }) {
  const at = stack.indexOf(`${filename}:`);
  if (at < 0) return {};
  const [line, column] = stack.slice(at + filename.length + 1).split(/\D/, 2).map(Number);
  // The engine shows a line that cannot be read with a mark below the place.
  const mark = /^( *)\^/m.exec(stack);
  const place = column || (mark ? mark[1].length + 1 : undefined);
  return { line: line || undefined, column: place };
}

function properties(thrown) {
  const kept = {};
  try {
    for (const key of Object.keys(thrown).slice(0, 16)) {
      const value = thrown[key];
      if (['name', 'message', 'stack'].includes(key) || !['string', 'number', 'boolean'].includes(typeof value)) continue;
      kept[key] = typeof value === 'string' ? value.slice(0, 4096) : value;
    }
  } catch {
    // A property that throws when it is read is not kept, nor what comes after it.
  }
  return kept;
}
