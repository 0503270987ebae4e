// `require`: Node's own modules as far as they exist here, and the packages that were unpacked for the program.
'use strict';

const path = require('embedded/path').exports;

const prelude = require;
const FILES = ['assert', 'crypto', 'events', 'path', 'querystring', 'stream', 'timers', 'url', 'util', 'buffer'];
const BUILTINS = {
  ...Object.fromEntries(FILES.map((name) => [name, () => prelude(`embedded/${name}`).exports])),
  'timers/promises': () => prelude('embedded/timers').promises,
  'util/types': () => prelude('embedded/util').exports.types,
  'path/posix': () => path,
  'assert/strict': () => prelude('embedded/assert').exports,
  process: () => process,
  console: () => console,
  punycode: () => ({ toASCII: (name) => prelude('embedded/url').exports.domainToASCII(name) }),
  perf_hooks: () => ({ performance }),
  constants: () => ({}),
  os: () => ({ EOL: '\n', platform: () => 'linux', type: () => 'Linux', arch: () => 'x64', release: () => '', hostname: () => 'localhost', tmpdir: () => '/tmp', homedir: () => '/', cpus: () => [], totalmem: () => 0, freemem: () => 0 }),
  tty: () => ({ isatty: () => false }),
  async_hooks: () => ({ AsyncLocalStorage, AsyncResource: class { runInAsyncScope(action, self, ...parameters) { return action.apply(self, parameters); } } }),
  string_decoder: () => ({ StringDecoder }),
};

// Follows no promises: right for what runs at once.
class AsyncLocalStorage {
  #store;
  run(store, action, ...parameters) {
    const before = this.#store;
    this.#store = store;
    try {
      return action(...parameters);
    } finally {
      this.#store = before;
    }
  }
  getStore() { return this.#store; }
}

class StringDecoder {
  #decoder;
  #encoding;
  constructor(encoding = 'utf8') {
    this.#encoding = encoding;
    this.#decoder = new TextDecoder();
  }
  write(bytes) { return /^utf-?8$/i.test(this.#encoding) ? this.#decoder.decode(bytes, { stream: true }) : Buffer.from(bytes).toString(this.#encoding); }
  end(bytes) { return bytes ? this.write(bytes) : ''; }
}

const missing = (name, from) => Object.assign(new Error(`Cannot find module '${name}'\nRequire stack:\n- ${from}`), { code: 'MODULE_NOT_FOUND' });
const loaded = new Map();

exports.requireFrom = (packages) => requireIn(packages ?? '', `${packages ?? ''}/action.js`, packages);

const requireIn = (directory, from, packages) => {
  const require = (name) => {
    const plain = name.startsWith('node:') ? name.slice(5) : name;
    if (Object.hasOwn(BUILTINS, plain)) return BUILTINS[plain]();
    if (plain !== name) throw Object.assign(new Error(`No such built-in module: ${name}`), { code: 'ERR_UNKNOWN_BUILTIN_MODULE' });
    const file = packages && resolve(name, directory, packages);
    if (!file) throw missing(name, from);
    return evaluate(file, packages);
  };
  require.resolve = (name) => (packages && resolve(name, directory, packages)) || (() => { throw missing(name, from); })();
  require.cache = {};
  return require;
};

function evaluate(file, packages) {
  if (loaded.has(file)) return loaded.get(file).exports;
  const module = { exports: {}, id: file, filename: file, loaded: false, children: [], paths: [] };
  loaded.set(file, module);
  const source = native.read(file);
  try {
    if (file.endsWith('.json')) module.exports = JSON.parse(source);
    else {
      const directory = path.dirname(file);
      const require = requireIn(directory, file, packages);
      module.require = require;
      const code = source.replace(/^#!.*/, '');
      native.compile(code, ['exports', 'require', 'module', '__filename', '__dirname'], file)
        .call(module.exports, module.exports, require, module, file, directory);
    }
    module.loaded = true;
  } catch (error) {
    loaded.delete(file);
    throw error;
  }
  return module.exports;
}

function resolve(name, directory, packages) {
  if (name.startsWith('.') || name.startsWith('/')) return fileOrFolder(path.resolve(directory, name));
  const [, scope, rest = ''] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(name) ?? [];
  if (!scope) return undefined;
  for (let at = directory; at.startsWith(packages); at = path.dirname(at)) {
    const folder = `${at}/node_modules/${scope}`;
    if (native.kind(folder) !== 'folder') continue;
    const manifest = manifestOf(folder);
    const exported = manifest.exports && fromExports(manifest.exports, rest ? `./${rest}` : '.');
    if (exported) return fileOrFolder(path.join(folder, exported));
    return rest ? fileOrFolder(`${folder}/${rest}`) : fileOrFolder(folder);
  }
  return undefined;
}

const manifestOf = (folder) => (native.kind(`${folder}/package.json`) === 'file' ? JSON.parse(native.read(`${folder}/package.json`)) : {});

function fileOrFolder(given) {
  for (const ending of ['', '.js', '.json', '.cjs']) if (native.kind(given + ending) === 'file') return given + ending;
  if (native.kind(given) !== 'folder') return undefined;
  const { main } = manifestOf(given);
  return (main && fileOrFolder(path.join(given, main))) || ['index.js', 'index.json', 'index.cjs'].map((name) => `${given}/${name}`).find((file) => native.kind(file) === 'file');
}

// What a manifest's `exports` says of a path, under the conditions of a CommonJS program.
function fromExports(exported, wanted) {
  const paths = typeof exported === 'object' && !Array.isArray(exported) && Object.keys(exported).some((key) => key.startsWith('.')) ? exported : { '.': exported };
  if (wanted in paths) return condition(paths[wanted]);
  for (const [pattern, target] of Object.entries(paths)) {
    const [before, after] = pattern.split('*');
    if (after === undefined || !wanted.startsWith(before) || !wanted.endsWith(after)) continue;
    return condition(target)?.replaceAll('*', wanted.slice(before.length, wanted.length - after.length));
  }
  return undefined;
}

function condition(target) {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map(condition).find(Boolean);
  for (const [name, inner] of Object.entries(target ?? {})) if (['node', 'require', 'default'].includes(name)) {
    const found = condition(inner);
    if (found) return found;
  }
  return undefined;
}
