// What every worker does: keeps its program, runs it once at a time, and tells the server what came of it.
//
// The program's code shares this realm with it and may replace what the language itself has. What names a run to the server must not
// be seen by it: what touches that is taken from the language before the code is evaluated.
'use strict';

const { Program } = require('program');
const { Cache } = require('cache');
const { describe } = require('errors');

const LEVELS = ['log', 'info', 'warn', 'error', 'debug', 'trace'];

const { Error, Promise } = globalThis;
const { stringify } = JSON;
const { assign } = Object;

exports.worker = (host, limits) => {
  let program;
  let current;
  let calls = 0;

  const call = (op, message) => new Promise((resolve, reject) => {
    if (!current) {
      reject(new Error('Nothing may call out when its run has ended.'));
      return;
    }
    calls += 1;
    current.waiting[calls] = { resolve, reject };
    host.send({ op, call: calls, ...message });
  });

  function finish(run, outcome) {
    if (run !== current) return;
    current = undefined;
    const ended = new Error('The run has ended.');
    for (const call in run.waiting) run.waiting[call].reject(ended);
    host.ended?.();
    const { error, value } = outcome;
    const isOutOfMemory = error && host.isOutOfMemory?.(error.thrown);
    const done = {
      __proto__: null,
      op: 'done',
      run: run.message.run,
      commands: run.commands,
      result: value,
      event: run.changed ? run.message.event : undefined,
      cache: run.cache.changes(),
      error: isOutOfMemory ? { name: 'LimitError', message: `The code used more than the allowed ${limits.memory >> 20} MB of memory.` }
        : error && describe(error.thrown, program),
      cpu: host.cpu(),
      tainted: (outcome.tainted || isOutOfMemory || host.integrity?.differs()) ?? false,
    };
    host.sendText(sendable(done));
    host.rest?.();
  }

  // What cannot be told as JSON, or is too long, becomes an error of the run.
  function sendable(done) {
    const minimal = (name, message) =>
      stringify({ __proto__: null, op: 'done', run: done.run, error: { name, message }, cpu: done.cpu, tainted: done.tainted });
    try {
      const text = stringify(done);
      return text.length <= limits.result ? text : minimal('LimitError', `The result is larger than the allowed ${limits.result} bytes.`);
    } catch (error) {
      return minimal(error.name, `The result cannot be told as JSON: ${error.message}`);
    }
  }

  async function start(message) {
    const run = {
      message,
      program,
      host,
      // No property that the code puts on prototypes speaks for the list.
      commands: assign([], { toJSON: undefined }),
      waiting: { __proto__: null },
      console: 0,
      changed: false,
      cache: new Cache(message.cache),
      command(name, ...parameters) {
        if (this === current) this.commands[this.commands.length] = { __proto__: null, name, arguments: parameters };
      },
      ask: (question, ...parameters) => call('ask', { question, arguments: parameters }),
    };
    current = run;
    try {
      const fresh = !program.isEvaluated;
      program.evaluate();
      if (fresh) host.integrity?.remember();
      finish(run, { value: await program.call(run) });
    } catch (thrown) {
      finish(run, { error: { thrown } });
    }
  }

  return {
    call,
    console: makeConsole(host, limits, () => current),
    // An error that nobody caught, in a timer for example: it ends the run, and nobody knows what it left behind.
    crash: (thrown) => current && finish(current, { error: { thrown }, tainted: true }),
    isRunning: () => current !== undefined,
    // What the server tells when nothing runs.
    receive(message) {
      if (message.op === 'load') program = new Program(message, host);
      else if (message.op === 'run') start(message);
    },
    // What it tells while something runs; what an earlier run waited for is of no use any more.
    answer(message) {
      const waiting = current?.waiting[message.call];
      if (!waiting) return;
      delete current.waiting[message.call];
      if ('error' in message) waiting.reject(new Error(message.error));
      else waiting.resolve(message.ok);
    },
  };
};

function makeConsole(host, limits, current) {
  const counts = new Map();
  const timers = new Map();
  const write = (level, parameters) => {
    const run = current();
    if (!run || run.console >= limits.console) return;
    const text = host.format(...parameters);
    const room = limits.console - run.console;
    const kept = text.length > room ? text.slice(0, room) : text;
    run.console += kept.length;
    host.send({ op: 'console', level, text: kept });
  };
  const console = {};
  for (const level of LEVELS) console[level] = (...parameters) => write(level, parameters);
  const elapsed = (label) => `${label}: ${Date.now() - (timers.get(label) ?? Date.now())}ms`;
  return Object.assign(console, {
    dir: (value, options) => write('log', [host.inspect(value, options)]),
    table: (value) => write('log', [value]),
    group: (...parameters) => parameters.length && write('log', parameters),
    groupCollapsed: (...parameters) => parameters.length && write('log', parameters),
    groupEnd() {},
    assert: (holds, ...parameters) => holds || write('error', ['Assertion failed', ...parameters]),
    count(label = 'default') {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      write('log', [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = 'default') => void counts.delete(label),
    time: (label = 'default') => void timers.set(label, Date.now()),
    timeLog: (label = 'default', ...more) => write('log', [elapsed(label), ...more]),
    timeEnd(label = 'default') {
      write('log', [elapsed(label)]);
      timers.delete(label);
    },
  });
}
