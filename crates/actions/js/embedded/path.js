// Node's path, for POSIX.
'use strict';

function normalizeParts(path, isAbsolute) {
  const kept = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length && kept.at(-1) !== '..') kept.pop();
    else if (!isAbsolute) kept.push('..');
  }
  return kept.join('/');
}

const path = {
  sep: '/',
  delimiter: ':',
  isAbsolute: (given) => given.startsWith('/'),
  normalize(given) {
    const isAbsolute = given.startsWith('/');
    const normal = normalizeParts(given, isAbsolute) + (given.length > 1 && given.endsWith('/') ? '/' : '');
    return (isAbsolute ? '/' : '') + (normal === '/' ? '' : normal) || (isAbsolute ? '/' : '.');
  },
  join: (...parts) => path.normalize(parts.filter(Boolean).join('/') || '.'),
  resolve(...parts) {
    let resolved = '';
    for (const part of ['/', ...parts]) resolved = part.startsWith('/') ? part : `${resolved}/${part}`;
    return `/${normalizeParts(resolved, true)}`;
  },
  dirname(given) {
    const at = given.replace(/\/+$/, '').lastIndexOf('/');
    return at < 0 ? '.' : at === 0 ? '/' : given.slice(0, at);
  },
  basename(given, suffix = '') {
    const name = given.replace(/\/+$/, '').split('/').at(-1);
    return suffix && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
  },
  extname(given) {
    const name = path.basename(given);
    const at = name.lastIndexOf('.');
    return at <= 0 ? '' : name.slice(at);
  },
  relative(from, to) {
    const [one, other] = [from, to].map((given) => path.resolve(given).split('/').filter(Boolean));
    const shared = one.findIndex((part, index) => part !== other[index]);
    const common = shared < 0 ? one.length : shared;
    return [...one.slice(common).map(() => '..'), ...other.slice(common)].join('/');
  },
  parse(given) {
    const base = path.basename(given);
    const ext = path.extname(base);
    const root = given.startsWith('/') ? '/' : '';
    return { root, dir: base === given ? '' : path.dirname(given), base, ext, name: ext ? base.slice(0, -ext.length) : base };
  },
  format: ({ dir, root = '', base, name = '', ext = '' }) => (dir ? `${dir}/` : root) + (base ?? name + ext),
};
path.posix = path;

exports.exports = path;
