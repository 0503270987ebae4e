// The host that Node is to the prelude: messages over pipes, compilation, packages.
//
// The server's runs are read from standard input by calls that wait, only while nothing runs: all that code left behind stands still
// until then. What a run asked for comes by standard error, as an ordinary stream.
'use strict';

const fs = node('fs');
const { compileFunction, constants } = node('vm');
const { createHmac } = node('crypto');
const { createRequire } = node('module');
const util = node('util');

const { guard } = require('node/guard');
const { trackTimers } = require('node/timers');
const network = require('node/network');
const { fetcher } = require('fetch');
const { worker } = require('worker');

// What the worker itself uses, before any tenant's code can replace it. Buffers of Node's own may share memory with the code's.
const { readSync, writeSync } = fs;
const { parse, stringify } = JSON;
const { Uint8Array } = globalThis;
const { byteLength, concat } = Buffer;
const uncurried = Function.prototype.bind.bind(Function.prototype.call);
const utf8Slice = uncurried(Buffer.prototype.utf8Slice);
const utf8Write = uncurried(Buffer.prototype.utf8Write);
const { cpuUsage, reallyExit } = process;
const on = process.on.bind(process);

const CONTROL = 0;
const OUT = 1;
const ANSWERS = 2;

exports.start = (limits) => {
  const host = {
    send: (message) => host.sendText(stringify(message)),
    sendText(text) {
      const length = byteLength(text);
      const bytes = new Uint8Array(length + 4);
      for (let place = 0; place < 4; place += 1) bytes[place] = length >>> (8 * place);
      utf8Write(bytes, text, 4, length);
      for (let sent = 0; sent < length + 4; ) sent += writeSync(OUT, bytes, sent, length + 4 - sent);
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
    // The end of a run that did not begin in this very call: the next one is waited for.
    rest: () => isServing || serve(),
  };
  const installNetwork = () => network.install((request) => call('fetch', request), host);
  const { receive, isRunning, answer, crash, call, console } = worker(host, limits);
  let isServing = false;
  const serve = () => {
    isServing = true;
    do receive(next()); while (!isRunning());
    isServing = false;
  };

  globalThis.console = console;
  globalThis.fetch = fetcher(host, (request) => call('fetch', request));
  // All of it before anything is read: a worker that cannot be guarded ends here.
  guard(console, installNetwork);
  on('uncaughtException', crash);
  listen(answer);
  setImmediate(serve);
};

// The next message of the server.
function next() {
  const head = read(4);
  const length = (head[0] | (head[1] << 8) | (head[2] << 16) | (head[3] << 24)) >>> 0;
  return parse(utf8Slice(read(length), 0, length));
}

function read(length) {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length; ) {
    const more = readSync(CONTROL, bytes, got, length - got, null);
    if (more === 0) reallyExit(0);
    got += more;
  }
  return bytes;
}

function listen(answer) {
  let waiting = Buffer.alloc(0);
  new (node('net').Socket)({ fd: ANSWERS, readable: true, writable: false }).on('data', (bytes) => {
    waiting = waiting.length === 0 ? bytes : concat([waiting, bytes]);
    while (waiting.length >= 4) {
      const end = 4 + waiting.readUInt32LE(0);
      if (waiting.length < end) break;
      const message = parse(waiting.toString('utf8', 4, end));
      waiting = waiting.subarray(end);
      answer(message);
    }
  });
}

// All runs of a program share this process. Who changes what they stand on loses it after the run.
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
