// Takes from Node what tenants' code must not have. The kernel denies the rest; here, code gets a clear error.
'use strict';

const REFUSED = ['child_process', 'cluster', 'dgram', 'dns', 'dns/promises', 'inspector', 'inspector/promises', 'repl', 'sqlite',
  'test', 'trace_events', 'wasi', 'worker_threads'];
const REFUSED_MEMBERS = {
  v8: ['setFlagsFromString', 'writeHeapSnapshot', 'getHeapSnapshot', 'setHeapSnapshotNearHeapLimit', 'startupSnapshot', 'takeCoverage'],
  http2: ['connect', 'createServer', 'createSecureServer'],
  module: ['register', 'enableCompileCache'],
  process: ['abort', 'binding', '_linkedBinding', 'chdir', 'dlopen', 'exit', 'reallyExit', 'kill', '_kill', '_debugProcess', '_debugEnd',
    '_startProfilerIdleNotifier', '_stopProfilerIdleNotifier', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups',
    'umask', 'openStdin', 'execve', 'loadEnvFile', 'getActiveResourcesInfo', '_getActiveHandles', '_getActiveRequests',
    'setUncaughtExceptionCaptureCallback'],
  os: ['networkInterfaces', 'userInfo', 'setPriority'],
};

exports.guard = (console) => {
  const { builtinModules, syncBuiltinESMExports } = node('module');
  const { Readable, Writable } = node('stream');
  // What `node -e` puts beside the language's own globals.
  const language = new Set(['console', 'crypto', 'process']);
  for (const name of builtinModules) if (!language.has(name)) delete globalThis[name];
  for (const name of ['require', 'module', 'exports', '__filename', '__dirname']) delete globalThis[name];
  Object.defineProperty(globalThis, 'crypto', { value: node('crypto').webcrypto, configurable: true, writable: true });

  for (const name of REFUSED) {
    if (!builtinModules.includes(name)) continue;
    const real = node(name);
    for (const member of Object.keys(real)) refuse(real, member, `"${name}"`);
  }
  for (const [name, members] of Object.entries(REFUSED_MEMBERS)) {
    const real = name === 'process' ? process : node(name);
    for (const member of members) if (member in real) refuse(real, member, `${name}.${member}`);
  }
  syncBuiltinESMExports();

  const lines = (level) => new Writable({
    write(chunk, _, done) {
      console[level](chunk.toString().replace(/\n$/, ''));
      done();
    },
  });
  const replaced = { stdin: Readable.from([]), stdout: lines('log'), stderr: lines('error'), ppid: 0, report: undefined, env: {}, argv: ['node'], execArgv: [] };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(process, name, { value, configurable: true, writable: true });
  }
};

function refuse(owner, member, name) {
  const descriptor = Object.getOwnPropertyDescriptor(owner, member);
  if (descriptor && !descriptor.configurable && !descriptor.writable) return;
  if (typeof owner[member] === 'object') return;
  const value = function () {
    throw Object.assign(new Error(`${name} is not available here.`), { code: 'ERR_ACCESS_DENIED' });
  };
  try {
    Object.defineProperty(owner, member, { value, configurable: true, writable: true, enumerable: true });
  } catch {
    owner[member] = value;
  }
}
