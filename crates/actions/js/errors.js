// Thrown values as the server tells them: name, message, and where in the tenant's code it was.
'use strict';

exports.describe = (thrown, program) => {
  if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) {
    return { name: 'Error', message: text(() => thrown) };
  }
  const stack = text(() => thrown.stack ?? '');
  return {
    name: text(() => thrown.name || thrown.constructor?.name || 'Error').slice(0, 256),
    message: withoutFolders(text(() => thrown.message ?? JSON.stringify(thrown)), program).slice(0, 16384),
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

// Where packages are unpacked is the server's matter.
function withoutFolders(shown, { packages, modules }) {
  const folders = [packages, ...modules.map((module) => module.packages)].filter(Boolean);
  return folders.reduce((kept, folder) => kept.replaceAll(`${folder}/`, ''), shown);
}

function clean(stack, program) {
  return withoutFolders(stack, program)
    .split('\n')
    .filter((line) => !/\(?(aught:|node:|native\))/.test(line))
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
