// Takes from Node what tenants' code must not have. The kernel and Node's permissions deny it whatever happens here; this gives clear
// errors, and keeps code from breaking its own worker by mistake.
'use strict';

const Module = node('module');

const REFUSED = new Set(['child_process', 'cluster', 'dgram', 'dns', 'dns/promises', 'domain', 'inspector', 'inspector/promises', 'repl',
  'sqlite', 'test', 'trace_events', 'wasi', 'worker_threads']);
const NETWORK = new Set(['http', 'https', 'net', 'tls']);
const REFUSED_MEMBERS = {
  v8: ['setFlagsFromString', 'writeHeapSnapshot', 'getHeapSnapshot', 'setHeapSnapshotNearHeapLimit', 'takeCoverage', 'queryObjects'],
  http2: ['connect', 'createServer', 'createSecureServer'],
  os: ['networkInterfaces', 'userInfo', 'setPriority'],
};
const REFUSED_OF_PROCESS = ['abort', 'binding', '_linkedBinding', 'chdir', 'dlopen', 'exit', 'reallyExit', 'kill', '_kill', '_debugProcess',
  '_debugEnd', '_startProfilerIdleNotifier', '_stopProfilerIdleNotifier', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups',
  'initgroups', 'umask', 'openStdin', 'execve', 'loadEnvFile', '_getActiveHandles', '_getActiveRequests',
  'setUncaughtExceptionCaptureCallback'];

exports.guard = (console, installNetwork) => {
  guardModules(installNetwork);
  // What `node -e` puts beside the language's own globals.
  const language = new Set(['console', 'crypto', 'process']);
  for (const name of Module.builtinModules) if (!language.has(name)) delete globalThis[name];
  for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) delete globalThis[name];
  define(globalThis, 'crypto', node('crypto').webcrypto);
  guardProcess(console);
};

// Modules are looked at when they are first asked for: loading them all would make every start slow.
function guardModules(installNetwork) {
  const { _load } = Module;
  const seen = new Set();
  const builtin = (name, load) => {
    const plain = name.startsWith('node:') ? name.slice(5) : name;
    if (!Module.builtinModules.includes(plain)) return load();
    if (NETWORK.has(plain)) installNetwork();
    const real = load();
    if (!seen.has(plain)) {
      seen.add(plain);
      if (REFUSED.has(plain)) for (const member of Object.keys(real)) refuse(real, member, `"${plain}"`);
      for (const member of REFUSED_MEMBERS[plain] ?? []) if (member in real) refuse(real, member, `${plain}.${member}`);
    }
    return real;
  };
  Module._load = function (name, ...more) {
    return builtin(String(name), () => _load.call(this, name, ...more));
  };
  const { getBuiltinModule } = process;
  if (getBuiltinModule) define(process, 'getBuiltinModule', (name) => builtin(String(name), () => getBuiltinModule(name)));
}

function guardProcess(console) {
  const { Readable, Writable } = node('stream');
  for (const member of REFUSED_OF_PROCESS) if (member in process) refuse(process, member, `process.${member}`);
  const lines = (level) => new Writable({
    write(chunk, _, done) {
      console[level](chunk.toString().replace(/\n$/, ''));
      done();
    },
  });
  const replaced = { stdin: Readable.from([]), stdout: lines('log'), stderr: lines('error'), ppid: 0, env: {}, argv: ['node'], execArgv: [], execPath: 'node' };
  for (const [name, value] of Object.entries(replaced)) define(process, name, value);
}

function define(owner, name, value) {
  Object.defineProperty(owner, name, { value, configurable: true, writable: true, enumerable: true });
}

function refuse(owner, member, name) {
  if (typeof owner[member] !== 'function') return;
  define(owner, member, function () {
    throw Object.assign(new Error(`${name} is not available here.`), { code: 'ERR_ACCESS_DENIED' });
  });
}
