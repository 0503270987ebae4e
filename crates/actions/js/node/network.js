// Lets what speaks HTTP over Node's sockets work without sockets: each connection ends in a server inside this process, which hands
// the requests to aught's guarded client.
'use strict';

const { Duplex } = node('stream');

let isInstalled = false;

// Loads the modules that speak over sockets, and gives them ours.
exports.install = (send, host) => {
  if (isInstalled) return;
  isInstalled = true;
  const [http, https, net, tls] = ['http', 'https', 'net', 'tls'].map((name) => node(name));
  let server;
  const open = (scheme, options, connected) => {
    server ??= gateway(http, send, host);
    const [near, far] = pair(options);
    far.origin = `${scheme}://${authority(scheme, options)}`;
    server.emit('connection', far);
    if (connected) near.once(scheme === 'https' ? 'secureConnect' : 'connect', connected);
    process.nextTick(() => {
      for (const event of scheme === 'https' ? ['connect', 'secureConnect', 'ready'] : ['connect', 'ready']) near.emit(event);
    });
    if (scheme === 'https') Object.assign(near, { encrypted: true, authorized: true, alpnProtocol: false });
    return near;
  };
  const plain = (...parameters) => open('http', ...connection(parameters));
  const secure = (...parameters) => open('https', ...connection(parameters));
  http.Agent.prototype.createConnection = (options) => open('http', options);
  https.Agent.prototype.createConnection = (options) => open('https', options);
  Object.assign(net, { connect: plain, createConnection: plain });
  tls.connect = secure;
  const refuse = () => {
    throw Object.assign(new Error('Sockets are not available here; HTTP is.'), { code: 'ERR_ACCESS_DENIED' });
  };
  Object.assign(net.Socket.prototype, { connect: refuse });
  Object.assign(net.Server.prototype, { listen: refuse });
  node('module').syncBuiltinESMExports();
};

function authority(scheme, { host, hostname, port, path, servername }) {
  if (path && !host && !hostname) throw Object.assign(new Error('Local sockets are not available here.'), { code: 'ERR_ACCESS_DENIED' });
  const name = host ?? hostname ?? servername ?? 'localhost';
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  const usual = scheme === 'https' ? 443 : 80;
  return Number(port ?? usual) === usual ? bracketed : `${bracketed}:${port}`;
}

// The forms that `net.connect` takes: options, or a port with a host.
function connection(parameters) {
  const connected = parameters.find((parameter) => typeof parameter === 'function');
  const [first, second] = parameters;
  if (typeof first === 'object') return [first, connected];
  if (Number.isNaN(Number(first))) return [{ path: first }, connected];
  const options = parameters.find((parameter) => typeof parameter === 'object') ?? {};
  return [{ ...options, port: first, host: typeof second === 'string' ? second : 'localhost' }, connected];
}

function gateway(http, send, host) {
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, async (request, response) => {
    const { socket } = request;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = [];
    for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
    const url = request.url.startsWith('/') ? socket.origin + request.url : request.url;
    try {
      const answer = await send({ method: request.method, url, headers, body: host.encode(Buffer.concat(chunks)) });
      const body = host.decode(answer.body);
      const kept = answer.headers.filter(([name]) => !OF_THE_CONNECTION.has(name));
      if (request.method !== 'HEAD') kept.push(['content-length', String(body.length)]);
      response.writeHead(answer.status, answer.statusText, kept.flat());
      response.end(body);
    } catch (error) {
      socket.peer.destroy(Object.assign(error, { code: 'ECONNREFUSED' }));
    }
  });
  return server.on('clientError', (error, socket) => socket.peer.destroy(error));
}

const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'content-encoding-applied']);

class Half extends Duplex {
  connecting = false;
  remoteFamily = 'IPv4';
  #timer;

  constructor({ host, hostname, port }) {
    super({ allowHalfOpen: true });
    this.remoteAddress = host ?? hostname;
    this.remotePort = port;
  }

  _read() {
    const pull = this.pull;
    this.pull = undefined;
    pull?.();
  }

  _write(chunk, _, done) {
    this.peer.push(chunk);
    if (this.peer.readableFlowing || this.peer.readableLength < 65536) done();
    else this.peer.pull = done;
  }

  _final(done) {
    this.peer.push(null);
    done();
  }

  _destroy(error, done) {
    clearTimeout(this.#timer);
    if (!this.peer.destroyed) process.nextTick(() => this.peer.destroy());
    done(error);
  }

  setTimeout(milliseconds, expired) {
    clearTimeout(this.#timer);
    if (expired) this.once('timeout', expired);
    if (milliseconds > 0) this.#timer = setTimeout(() => this.emit('timeout'), milliseconds);
    return this;
  }

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  ref() { return this; }
  unref() { return this; }
  address() { return {}; }
  getPeerCertificate() { return {}; }
  getProtocol() { return 'TLSv1.3'; }
  getSession() {}
  isSessionReused() { return false; }
}

function pair(options) {
  const near = new Half(options);
  const far = new Half(options);
  near.peer = far;
  far.peer = near;
  return [near, far];
}
