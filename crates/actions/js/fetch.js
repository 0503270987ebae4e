// `fetch` over the server's guarded client.
'use strict';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const WITHOUT_BODY = new Set([204, 205, 304]);

exports.fetcher = (host, send) => async function fetch(input, init) {
  const request = new Request(input, init);
  const { signal, redirect } = request;
  let { url, method } = request;
  let body = method === 'GET' || method === 'HEAD' ? '' : host.encode(new Uint8Array(await request.arrayBuffer()));
  const headers = new Headers(request.headers);
  signal?.throwIfAborted();
  for (let hops = 0; ; hops += 1) {
    const answer = await unlessAborted(signal, send({ method, url: withoutFragment(url), headers: [...headers], body })).catch((cause) => {
      throw signal?.aborted ? cause : Object.assign(new TypeError(`fetch failed: ${cause.message}`), { cause });
    });
    const location = REDIRECTS.has(answer.status) && answer.headers.find(([name]) => name === 'location')?.[1];
    if (!location || redirect === 'manual') return response(host, answer, url, hops > 0);
    if (redirect === 'error') throw new TypeError('fetch failed: unexpected redirect');
    if (hops === 20) throw new TypeError('fetch failed: redirect count exceeded');
    const target = new URL(location, url);
    if (answer.status === 303 ? method !== 'HEAD' : answer.status < 303 && method === 'POST') {
      method = 'GET';
      body = '';
      for (const name of ['content-type', 'content-length', 'content-encoding', 'content-language']) headers.delete(name);
    }
    if (target.origin !== new URL(url).origin) for (const name of ['authorization', 'cookie', 'host']) headers.delete(name);
    url = target.href;
  }
};

const withoutFragment = (url) => url.split('#', 1)[0];

function response(host, { status, statusText, headers, body }, url, redirected) {
  const made = new Response(WITHOUT_BODY.has(status) ? null : host.decode(body), { status, statusText, headers });
  Object.defineProperties(made, { url: { value: url }, redirected: { value: redirected } });
  return made;
}

function unlessAborted(signal, promise) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
