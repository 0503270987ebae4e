// Packages that code of old finds without naming a dependency: `request` over `fetch`, and `bcrypt` by the server's own.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

// The parts of `request` that scripts use: options, callback, defaults, one function for each method.
function requester(defaults = {}) {
  const request = (first, second, third) => {
    const callback = [first, second, third].find((parameter) => typeof parameter === 'function') ?? (() => {});
    const given = typeof first === 'string' || first instanceof URL ? { url: String(first) } : first;
    const more = second !== null && typeof second === 'object' ? second : {};
    const options = { ...defaults, ...given, ...more, headers: { ...defaults.headers, ...given?.headers, ...more.headers } };
    // Those who call back never throw into what is reading the answer.
    send(options).then(([response, body]) => callback(null, response, body), (error) => callback(error));
  };
  for (const method of METHODS) {
    request[method] = (first, ...more) => {
      const options = typeof first === 'string' || first instanceof URL ? { url: String(first) } : first;
      return request({ ...options, method: method.toUpperCase() }, ...more);
    };
  }
  request.del = request.delete;
  request.defaults = (more) => requester({ ...defaults, ...more, headers: { ...defaults.headers, ...more.headers } });
  return request;
}

async function send(options) {
  const headers = new Headers(Object.entries(options.headers).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]));
  const address = new URL(options.baseUrl ? `${options.baseUrl}${options.url ?? options.uri ?? ''}` : options.url ?? options.uri);
  for (const [name, value] of Object.entries(options.qs ?? {})) address.searchParams.set(name, value);
  let { body } = options;
  const preset = (name, value) => headers.has(name) || headers.set(name, value);
  if (options.form) {
    body = typeof options.form === 'string' ? options.form : new URLSearchParams(options.form).toString();
    preset('content-type', 'application/x-www-form-urlencoded');
  } else if (options.json && options.json !== true) {
    body = JSON.stringify(options.json);
    preset('content-type', 'application/json');
  } else if (options.json && body !== undefined && typeof body !== 'string') {
    body = JSON.stringify(body);
    preset('content-type', 'application/json');
  }
  if (options.json) preset('accept', 'application/json');
  const { user, username = user, pass, password = pass, bearer } = options.auth ?? {};
  if (bearer) preset('authorization', `Bearer ${bearer}`);
  else if (username !== undefined) preset('authorization', `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`);
  const controller = new AbortController();
  const timer = options.timeout && setTimeout(() => controller.abort(Object.assign(new Error('ETIMEDOUT'), { code: 'ETIMEDOUT' })), options.timeout);
  try {
    const answer = await fetch(address.href, {
      method: options.method ?? 'GET', headers, body, signal: controller.signal, redirect: options.followRedirect === false ? 'manual' : 'follow',
    });
    const text = await answer.text();
    const parsed = options.json ? parsedOr(text) : text;
    const response = { statusCode: answer.status, statusMessage: answer.statusText, headers: Object.fromEntries(answer.headers), body: parsed };
    return [response, parsed];
  } finally {
    clearTimeout(timer);
  }
}

function parsedOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// `bcrypt` without its synchronous functions: the server computes.
function bcrypt(ask) {
  const answered = (question) => (...parameters) => {
    const callback = typeof parameters.at(-1) === 'function' ? parameters.pop() : undefined;
    const promise = ask(question, ...parameters.map((parameter) => parameter ?? null));
    if (!callback) return promise;
    promise.then((value) => callback(null, value), (error) => callback(error));
    return undefined;
  };
  const missing = (name) => () => {
    throw new Error(`bcrypt.${name} is not available: use the function without Sync, with a callback or a promise.`);
  };
  return {
    compare: answered('bcrypt.compare'),
    hash: answered('bcrypt.hash'),
    compareSync: missing('compareSync'),
    hashSync: missing('hashSync'),
    genSaltSync: missing('genSaltSync'),
  };
}

// What `require` gives for a name of these, else nothing.
exports.packages = (ask) => {
  const made = new Map();
  const makers = { request: () => requester(), bcrypt: () => bcrypt(ask), bcryptjs: () => bcrypt(ask) };
  return (name) => {
    if (!Object.hasOwn(makers, name)) return undefined;
    if (!made.has(name)) made.set(name, makers[name]());
    return made.get(name);
  };
};
