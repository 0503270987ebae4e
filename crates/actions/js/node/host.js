// The host that Node is to the prelude: messages over pipes, compilation, packages.
'use strict';

const fs = node('fs');
const { compileFunction, constants } = node('vm');
const { createHmac } = node('crypto');
const { createRequire } = node('module');
const util = node('util');

const { guard } = require('node/guard');
const network = require('node/network');
const { fetcher } = require('fetch');
const { worker } = require('worker');

// What the worker itself uses, before any tenant's code can replace it.
const { writeSync } = fs;
const { parse, stringify } = JSON;
const { allocUnsafe, concat, from } = Buffer;
const { cpuUsage, stdin, exit } = process;
const on = process.on.bind(process);

exports.start = (limits) => {
  const host = {
    send: (message) => host.sendText(stringify(message)),
    sendText(text) {
      const body = from(text);
      const bytes = allocUnsafe(body.length + 4);
      bytes.writeUInt32LE(body.length, 0);
      body.copy(bytes, 4);
      for (let sent = 0; sent < bytes.length; ) sent += writeSync(1, bytes, sent);
    },
    compile(code, parameters, filename, packages) {
      return compileFunction(code, parameters, {
        filename: packages ? `${packages}/${filename}` : filename,
        importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
    },
    require(packages) {
      // Packages may import the modules for HTTP in ways that no guard sees.
      if (packages) installNetwork();
      return createRequire(`${packages ?? '/nowhere'}/action.js`);
    },
    format: util.format,
    inspect: util.inspect,
    cpu() {
      const { user, system } = cpuUsage();
      return user + system;
    },
    hmac: (key, text) => createHmac('sha256', key).update(text).digest('base64url'),
    encode: (bytes) => Buffer.from(bytes).toString('base64'),
    decode: (text) => new Uint8Array(Buffer.from(text, 'base64')),
    base64url: { encode: (text) => Buffer.from(text).toString('base64url'), decode: (text) => Buffer.from(text, 'base64url').toString() },
    integrity: integrity(),
    // What the code left waiting when its run was over is not carried on.
    ended: trackTimers(),
  };
  const installNetwork = () => network.install((request) => call('fetch', request), host);
  const { receive, crash, call, console } = worker(host, limits);

  globalThis.console = console;
  globalThis.fetch = fetcher(host, (request) => call('fetch', request));
  // All of it before anything is read: a worker that cannot be guarded ends here.
  guard(console, installNetwork);
  on('uncaughtException', crash);
  listen(receive);
};

// Makes the timers that code starts known; answers the function that stops them.
function trackTimers() {
  const waiting = new Map();
  for (const kind of ['Timeout', 'Interval', 'Immediate']) {
    const start = globalThis[`set${kind}`];
    const stop = globalThis[`clear${kind}`];
    const tracked = (...parameters) => {
      const timer = start(...parameters);
      waiting.set(timer, stop);
      return timer;
    };
    Object.defineProperty(tracked, 'name', { value: `set${kind}` });
    if (start[util.promisify.custom]) tracked[util.promisify.custom] = start[util.promisify.custom];
    globalThis[`set${kind}`] = tracked;
  }
  return () => {
    if (waiting.size === 0) return;
    for (const [timer, stop] of waiting) stop(timer);
    waiting.clear();
  };
}

function listen(receive) {
  let waiting = allocUnsafe(0);
  stdin.on('data', (bytes) => {
    waiting = waiting.length === 0 ? bytes : concat([waiting, bytes]);
    while (waiting.length >= 4) {
      const end = 4 + waiting.readUInt32LE(0);
      if (waiting.length < end) break;
      const message = parse(waiting.toString('utf8', 4, end));
      waiting = waiting.subarray(end);
      receive(message);
    }
  });
  stdin.on('end', () => exit(0));
}

// All programs of a tenant share this process. Who changes what all of them stand on loses it after the run.
function integrity() {
  const shapes = [Object.prototype, Array.prototype, Promise.prototype, Error];
  const methods = [[Object, 'keys'], [Object.prototype, 'toString'], [Object.prototype, 'hasOwnProperty'], [Array.prototype, 'push'],
    [Array.prototype, 'map'], [Array.prototype, 'forEach'], [Array.prototype, Symbol.iterator], [Function.prototype, 'call'],
    [Function.prototype, 'apply'], [Function.prototype, 'toString'], [Promise.prototype, 'then'], [JSON, 'parse'], [JSON, 'stringify'],
    [String.prototype, 'replace'], [RegExp.prototype, 'exec']];
  const { ownKeys, apply } = Reflect;
  let counts, functions;
  const differs = () => {
    for (let i = 0; i < shapes.length; i += 1) if (ownKeys(shapes[i]).length !== counts[i]) return true;
    for (let i = 0; i < methods.length; i += 1) if (methods[i][0][methods[i][1]] !== functions[i]) return true;
    return false;
  };
  const remember = () => {
    counts = shapes.map((shape) => ownKeys(shape).length);
    functions = methods.map(([owner, name]) => owner[name]);
  };
  remember();
  return { differs, remember };
}
