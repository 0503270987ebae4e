// The shape of Node's streams: enough for packages that inherit from them, with bytes pushed and read by events.
'use strict';

const EventEmitter = require('embedded/events').exports;
const { inherits } = require('embedded/util').exports;

function Stream() { EventEmitter.call(this); }
inherits(Stream, EventEmitter);

Stream.prototype.pipe = function (target) {
  this.on('data', (chunk) => target.write(chunk));
  this.on('end', () => target.end?.());
  return target;
};

function Readable(options = {}) {
  Stream.call(this);
  if (options.read) this._read = options.read;
  this.readable = true;
  this.chunks = [];
}
inherits(Readable, Stream);
Object.assign(Readable.prototype, {
  _read() {},
  push(chunk) {
    queueMicrotask(() => (chunk === null ? this.emit('end') : this.emit('data', chunk)));
    return true;
  },
  on(name, listener) {
    Stream.prototype.on.call(this, name, listener);
    if (name === 'data') this.resume();
    return this;
  },
  resume() {
    queueMicrotask(() => this._read());
    return this;
  },
  pause() { return this; },
  setEncoding() { return this; },
  destroy(error) {
    if (error) this.emit('error', error);
    this.emit('close');
    return this;
  },
});
Readable.from = (values) => {
  const stream = new Readable();
  (async () => {
    for await (const value of values) stream.push(value);
    stream.push(null);
  })();
  return stream;
};

function Writable(options = {}) {
  Stream.call(this);
  if (options.write) this._write = options.write;
  if (options.final) this._final = options.final;
  this.writable = true;
}
inherits(Writable, Stream);
const writing = {
  _write(chunk, encoding, done) { done(); },
  _final(done) { done(); },
  write(chunk, encoding, done) {
    this._write(chunk, typeof encoding === 'string' ? encoding : 'buffer', (error) => {
      if (error) this.emit('error', error);
      (typeof encoding === 'function' ? encoding : done)?.(error);
    });
    return true;
  },
  end(chunk, encoding) {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') this.write(chunk, encoding);
    this._final((error) => queueMicrotask(() => this.emit(error ? 'error' : 'finish', error)));
    return this;
  },
};
Object.assign(Writable.prototype, writing, { destroy: Readable.prototype.destroy });

function Duplex(options) {
  Readable.call(this, options);
  Writable.call(this, options);
}
inherits(Duplex, Readable);
Object.assign(Duplex.prototype, writing);

function Transform(options = {}) {
  Duplex.call(this, options);
  if (options.transform) this._transform = options.transform;
  if (options.flush) this._flush = options.flush;
}
inherits(Transform, Duplex);
Object.assign(Transform.prototype, {
  _write(chunk, encoding, done) {
    this._transform(chunk, encoding, (error, changed) => {
      if (changed !== undefined && changed !== null) this.push(changed);
      done(error);
    });
  },
  _final(done) {
    const finish = (error, last) => {
      if (last !== undefined && last !== null) this.push(last);
      this.push(null);
      done(error);
    };
    if (this._flush) this._flush(finish);
    else finish();
  },
});

function PassThrough(options) { Transform.call(this, options); }
inherits(PassThrough, Transform);
PassThrough.prototype._transform = (chunk, encoding, done) => done(null, chunk);

exports.exports = Object.assign(Stream, { Stream, Readable, Writable, Duplex, Transform, PassThrough });
