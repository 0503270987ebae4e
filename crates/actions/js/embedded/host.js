// The host that the embedded engine is to the prelude.
'use strict';

const { fetcher } = require('fetch');
const { worker } = require('worker');
const { defineGlobals } = require('embedded/globals');
const { requireFrom } = require('embedded/modules');
const { timers } = require('embedded/timers');

const { parse, stringify } = JSON;

exports.start = (limits) => {
  const host = {
    send: (message) => native.send(stringify(message)),
    sendText: native.finish,
    compile(code, parameters, filename, packages) {
      const file = packages ? `${packages}/${filename}` : filename;
      shifted.set(file, `(function (${parameters.join(', ')}) {`.length);
      return native.compile(code, parameters, file);
    },
    require: requireFrom,
    get format() { return require('embedded/util').exports.format; },
    get inspect() { return require('embedded/util').exports.inspect; },
    cpu: native.cpu,
    hmac: (key, text) => native.hmac('sha256', base64(utf8(key)), base64(utf8(text))).toBase64({ alphabet: 'base64url', omitPadding: true }),
    encode: base64,
    decode: (text) => Uint8Array.fromBase64(text),
    base64url: {
      encode: (text) => utf8(text).toBase64({ alphabet: 'base64url', omitPadding: true }),
      decode: (text) => native.utf8Decode(base64(Uint8Array.fromBase64(text, { alphabet: 'base64url' }))),
    },
    // What the code left waiting when its run was over is not carried on.
    ended: () => timers.clear(),
    // When not even an error can be made any more, the engine throws null.
    isOutOfMemory: (error) => error === null || (error instanceof InternalError && error.message === 'out of memory'),
  };
  const { InternalError } = globalThis;
  const { receive, answer, crash, call, console } = worker(host, limits);
  defineGlobals({ console, fetch: fetcher(host, (request) => call('fetch', request)) });

  const rejected = new Map();
  return {
    receive: (text) => receive(parse(text)),
    answer: (text) => answer(parse(text)),
    // Milliseconds until the next timer, or a negative number.
    tick: () => timers.fire(crash),
    track: (promise, reason, isHandled) => void (isHandled ? rejected.delete(promise) : rejected.set(promise, reason)),
    // Called when all that could go on has: what is still rejected, nobody will handle.
    settle() {
      if (rejected.size === 0) return;
      const [reason] = rejected.values();
      rejected.clear();
      crash(reason);
    },
  };
};

// How far the code's first line is moved to the right by the function around it.
const shifted = new Map();

// Stacks as Node writes them, without the prelude's own frames.
Error.prepareStackTrace = (error, frames) => {
  let name;
  let text;
  try {
    name = error.constructor.name;
    text = String(error).replace(/^Error(?=:|$)/, name);
  } catch {
    text = 'Error';
  }
  let isWithin = true;
  for (const frame of frames) {
    const file = frame.getFileName();
    const place = frame.getFunctionName() || '<anonymous>';
    if (!file || file.startsWith('aught:')) continue;
    // The constructors of the error's own class are not where it was made.
    if (isWithin && place === name) continue;
    isWithin = false;
    const line = frame.getLineNumber();
    const column = Math.max(1, frame.getColumnNumber() - (line === 1 ? shifted.get(file) ?? 0 : 0));
    text += `\n    at ${place} (${file}:${line}:${column})`;
  }
  return text;
};

const utf8 = (text) => native.utf8Encode(String(text).toWellFormed());
const base64 = (bytes) => bytes.toBase64();
